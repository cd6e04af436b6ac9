// Dark by the system's wish; runs before the first paint so that nothing flashes.
(function () {
  "use strict";
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function set() { document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light"; }
  set();
  dark.addEventListener("change", set);
})();
