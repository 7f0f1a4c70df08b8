// A quiet line at the top while the next page is on its way. Without this the browser alone tells.
"use strict";

(() => {
  const line = document.createElement("div");
  line.className = "progress";
  line.setAttribute("aria-hidden", "true");
  document.body.append(line);
  const busy = document.querySelector("main") ?? document.body;

  const start = () => {
    line.classList.add("is-running");
    busy.setAttribute("aria-busy", "true");
  };

  const stop = () => {
    line.classList.remove("is-running");
    busy.removeAttribute("aria-busy");
  };

  // A file, another window and a place on this page leave the page where it is.
  const FILES = ["csv", "xlsx", "parquet"];
  const leaves = (url, target) =>
    (!target || target === "_self") &&
    url.origin === location.origin &&
    !FILES.includes(url.searchParams.get("format"));

  window.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a[href]");
    if (!link || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    const isHere = url.href.split("#")[0] === location.href.split("#")[0];
    if (leaves(url, link.target) && !(isHere && url.hash)) start();
  });

  window.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const button = event.submitter;
    const url = new URL(button?.formAction || event.target.action, location.href);
    if (leaves(url, button?.formTarget || event.target.target)) start();
  });

  // Escape stops loading; going back may show this very page again, as it was left.
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stop();
  });
  window.addEventListener("pageshow", stop);
})();
