// A browser without a GPU draws 3D on processors, which may be the very ones that the cell computes on. viser draws as
// often as the screen shows, as long as anything moves, every pixel and every point; here no oftener than the page is
// told of anything, but while a hand turns the view, and more coarsely: beside a cell also one point of a cloud in
// SHARE, as much larger.
(() => {
  const PERIOD_MS = 200, HAND_MS = 1000, DETAIL = 0.5, SHARE = window.vitroCloudShare;
  const context = document.createElement("canvas").getContext("webgl2");
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const renderer = names ? context.getParameter(names.UNMASKED_RENDERER_WEBGL) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  if (!/swiftshader|llvmpipe|softpipe|software|basic render/i.test(renderer)) return;

  // viser takes its detail from the address alone, once; a copy of the address is to say nothing of this browser.
  const given = window.location.href, coarse = new URL(given), drawing = WebGL2RenderingContext.prototype;
  if (!coarse.searchParams.has("fixedDpr")) {
    coarse.searchParams.set("fixedDpr", DETAIL);
    history.replaceState(null, "", coarse);
  }
  const open = HTMLCanvasElement.prototype.getContext, draw = drawing.drawArrays, compile = drawing.shaderSource;
  HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
    if (kind === "webgl2" && window.location.href === coarse.href) history.replaceState(null, "", given);
    return open.call(this, kind, ...options);
  };
  // Who draws a share has a cloud's coarser grid sent first.
  drawing.drawArrays = function (mode, first, count) {
    draw.call(this, mode, first, mode === this.POINTS ? Math.ceil(count / SHARE) : count);
  };
  drawing.shaderSource = function (shader, source) {
    compile.call(this, shader, source.replace(/gl_PointSize\s*=/g, `gl_PointSize = ${Math.sqrt(SHARE).toFixed(1)} *`));
  };

  let handed = -HAND_MS, shown = -PERIOD_MS, number = 0, isDue = false;
  const asked = new Map();
  const soon = window.requestAnimationFrame.bind(window);
  for (const kind of ["pointerdown", "wheel", "keydown", "touchstart"]) {
    window.addEventListener(kind, () => { handed = performance.now(); }, { capture: true, passive: true });
  }
  window.addEventListener("pointermove", (event) => { if (event.buttons) handed = performance.now(); },
    { capture: true, passive: true });

  const show = (now) => {
    isDue = false;
    shown = performance.now();
    for (const asking of [...asked.keys()]) {
      const callback = asked.get(asking);
      if (!asked.delete(asking)) continue;  // taken back by one before it
      try { callback(now); } catch (error) { reportError(error); }
    }
  };
  window.requestAnimationFrame = (callback) => {
    asked.set(++number, callback);
    if (!isDue) {
      isDue = true;
      const now = performance.now();
      const wait = now - handed < HAND_MS ? 0 : shown + PERIOD_MS - now;
      if (wait > 0) setTimeout(() => soon(show), wait); else soon(show);
    }
    return number;
  };
  window.cancelAnimationFrame = (asking) => { asked.delete(asking); };
})();
