// Draws the figures marked data-chart from the JSON beside them. Without this the tables remain.
"use strict";

(() => {
  const wantsStill = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  const probe = document.createElement("span");
  probe.hidden = true;

  // Tokens are light-dark() pairs: only an element's computed colour says which one holds.
  const colour = (token) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };

  const formats = (currency) => {
    const of = (options) => new Intl.NumberFormat("en-US", { style: "currency", currency, ...options });
    return {
      exact: of({}),
      short: of({ notation: "compact", maximumFractionDigits: 1, minimumFractionDigits: 0 }),
    };
  };

  const axis = (extra) => ({
    grid: { color: colour("line"), drawTicks: false },
    border: { display: false },
    ...extra,
    ticks: { color: colour("ink-soft"), padding: 8, ...extra.ticks },
  });

  const datasets = (data) =>
    data.series.map((series) => ({
      label: series.label,
      data: series.values,
      backgroundColor: Array.isArray(series.slots)
        ? series.slots.map((slot) => colour(`series-${slot}`))
        : colour(`series-${series.slot}`),
      borderColor: colour("surface"),
      borderWidth: data.kind === "stacked" ? { top: 1 } : 0,
      borderRadius: 2,
      maxBarThickness: data.kind === "stacked" ? 48 : 22,
      categoryPercentage: 0.86,
      barPercentage: 0.96,
    }));

  const tooltip = (data, format, across) => ({
    mode: "index",
    intersect: false,
    axis: across ? "y" : "x",
    backgroundColor: colour("ink"),
    titleColor: colour("paper"),
    bodyColor: colour("paper"),
    footerColor: colour("paper"),
    padding: 10,
    boxPadding: 4,
    itemSort: (a, b) => b.raw - a.raw,
    filter: (item) => item.raw !== 0,
    callbacks: {
      label: (item) => ` ${across ? "" : `${item.dataset.label}: `}${format.exact.format(item.raw)}`,
      footer: (items) =>
        items.length > 1
          ? `Total: ${format.exact.format(items.reduce((sum, item) => sum + item.raw, 0))}`
          : "",
    },
  });

  const settings = (data) => {
    const across = data.kind === "bars";
    const format = formats(data.currency);
    const money = axis({
      stacked: !across,
      beginAtZero: true,
      ticks: { callback: (value) => format.short.format(value), maxTicksLimit: 6 },
    });
    const names = axis({
      stacked: !across,
      grid: { display: false },
      ticks: across ? {} : { maxRotation: 0, autoSkipPadding: 12 },
    });
    return {
      type: "bar",
      data: { labels: data.labels, datasets: datasets(data) },
      options: {
        indexAxis: across ? "y" : "x",
        responsive: true,
        maintainAspectRatio: false,
        animation: wantsStill.matches ? false : { duration: 250 },
        interaction: { mode: "index", intersect: false, axis: across ? "y" : "x" },
        scales: across ? { x: money, y: names } : { x: names, y: money },
        plugins: { legend: { display: false }, tooltip: tooltip(data, format, across) },
      },
    };
  };

  const draw = (figure) => {
    const data = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
    const frame = figure.querySelector(".chart-canvas");
    frame.classList.add("is-drawn");
    drawn.get(figure)?.destroy();
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawn.set(figure, new Chart(frame.querySelector("canvas"), settings(data)));
  };

  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

  const paint = (scheme) => {
    document.documentElement.style.colorScheme = scheme;
    drawAll();
  };

  document.body.append(probe);
  drawAll();
  dark.addEventListener("change", drawAll);
  addEventListener("beforeprint", () => paint("light"));
  addEventListener("afterprint", () => paint(""));
})();
