// Suggests the values of the chosen dimension; without this the values are typed.
"use strict";

for (const row of document.querySelectorAll(".filter-row")) {
  const dimension = row.querySelector("[data-filter-dimension]");
  const value = row.querySelector("[data-filter-value]");
  dimension.addEventListener("change", () => {
    const lists = [...document.querySelectorAll("datalist[data-values-of]")];
    const list = lists.find((one) => one.dataset.valuesOf === dimension.value);
    if (list) value.setAttribute("list", list.id);
    else value.removeAttribute("list");
    value.value = "";
  });
}

// Choosing other days makes the period one of its own, and a period by name sets the days aside.
const period = document.querySelector("select[name=period]");
for (const day of document.querySelectorAll("input[type=date]")) {
  day.addEventListener("input", () => {
    period.value = "custom";
  });
}

// Where style cannot open the form on a wide screen, this does.
if (!CSS.supports("selector(::details-content)") && matchMedia("(width >= 46rem)").matches) {
  for (const form of document.querySelectorAll(".narrow-disclose")) form.open = true;
}
