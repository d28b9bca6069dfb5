// A browser without a GPU draws 3D on processors, which may be the very ones that the cell computes on. viser draws as
// often as the screen shows, as long as anything moves; here no oftener than the page is told of anything, but while a
// hand turns the view.
(() => {
  const PERIOD_MS = 200, HAND_MS = 1000;
  const context = document.createElement("canvas").getContext("webgl2");
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const renderer = names ? context.getParameter(names.UNMASKED_RENDERER_WEBGL) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  if (!/swiftshader|llvmpipe|softpipe|software|basic render/i.test(renderer)) return;

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
