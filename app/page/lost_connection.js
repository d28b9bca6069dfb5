// A page that has lost its server pales, and goes on showing what it showed: "The arm moves", and a STOP that reaches
// nothing. Here it says so, until the server answers again.
(() => {
  const PERIOD_MS = 1000, LIMIT_MS = 5000;
  const banner = document.createElement("div");
  banner.id = "vitro-lost";
  banner.setAttribute("role", "alert");
  banner.style.cssText = "position:fixed;inset:0 0 auto 0;z-index:2147483647;padding:12px 16px;background:#b91c1c;" +
    "color:#fff;font:600 16px/1.4 sans-serif;text-align:center";

  const state = () => document.querySelector("#vitro-status")?.dataset.state;
  // A replay has no arm; a session that has ended as it should keeps its last word.
  const isHarmless = () => state() === undefined || state() === "stopped";
  const words = (status) => {
    if (status === 403) return "Vitro was started anew: open the address that it printed.";
    if (state() === "stopped") return "The session is over. What a next one shows comes by itself.";
    if (isHarmless()) return "Vitro has closed this page, or cannot be reached: what is shown is old.";
    return "No connection to Vitro: what is shown is old, and STOP reaches nothing. Stop at its terminal (Ctrl-C) or by " +
      "the emergency stop. The page comes back by itself.";
  };
  const look = async () => {
    let status = 0;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), LIMIT_MS);
    try {
      status = (await fetch("/alive", { cache: "no-store", signal: limit.signal })).status;
    } catch { /* nobody answers */ }
    clearTimeout(timer);
    if (status === 200) banner.remove();
    else {
      banner.textContent = words(status);
      banner.style.background = isHarmless() ? "#374151" : "#b91c1c";
      if (!banner.isConnected) document.body.append(banner);
    }
    setTimeout(look, PERIOD_MS);
  };
  window.addEventListener("load", look);
})();
