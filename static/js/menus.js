// Menus are <details>: they open without this. This closes them on Escape and on a click elsewhere.
"use strict";

const menus = () => document.querySelectorAll("details.menu[open]");

// On a phone the navigation is one long line: bring the page that is open into sight.
const nav = document.querySelector(".nav");
const here = nav?.querySelector(":scope > [aria-current], :scope > .is-here");
if (here) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("click", (event) => {
  for (const menu of menus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
