"use strict";
// The tables, the charts and all numbers are in the page already; this sorts, filters and chooses.

const THEMES = ["auto", "light", "dark"];

// Storage may be refused to a file that is opened from a disk.
function stored(value) {
  try {
    if (value !== undefined) localStorage.setItem("pgf-theme", value);
    return localStorage.getItem("pgf-theme");
  } catch {
    return null;
  }
}

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

let theme = THEMES.includes(stored()) ? stored() : "auto";
setTheme(theme);  // before anything is painted

function themeButton() {
  const button = document.getElementById("theme");
  const tell = () => { button.textContent = `Theme: ${theme}`; };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    setTheme(theme);
    stored(theme);
    tell();
  });
  tell();
}

// A cell is sorted by its number where it has one, else by its text; what is missing comes last.
function sortKey(row, column) {
  const cell = row.cells[column];
  const number = cell.dataset.v;
  if (number === undefined) return cell.textContent.trim();
  return number === "" ? null : Number(number);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortBy(table, heads, column) {
  const rising = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head, place) => {
    head.setAttribute("aria-sort", place !== column ? "none" : rising ? "ascending" : "descending");
  });
  const body = table.tBodies[0];
  const keyed = Array.from(body.rows, (row) => ({ row, key: sortKey(row, column) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    return rising ? compare(a.key, b.key) : compare(b.key, a.key);
  });
  body.append(...keyed.map(({ row }) => row));
}

function sortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sortBy(table, heads, column));
  });
}

// Every word must be in the row, in any order.
function filterable(field) {
  const rows = Array.from(document.getElementById(field.dataset.for).tBodies[0].rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const count = document.querySelector(`output[for="${field.id}"]`);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !words.every((word) => texts[place].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = `${shown} of ${rows.length}`;
  });
}

function metricChooser() {
  const choice = document.getElementById("metric");
  const charts = Array.from(document.querySelectorAll("figure[data-metric]"));
  const show = (name) => charts.forEach((chart) => { chart.hidden = chart.dataset.metric !== name; });
  if (choice === null) return;
  choice.addEventListener("change", () => show(choice.value));
  show(choice.value);
}

function layerChooser(choice) {
  const figure = choice.closest("figure");
  choice.addEventListener("change", () => {
    figure.querySelectorAll(".layer").forEach((map) => {
      map.classList.toggle("off", map.dataset.layer !== choice.value);
    });
  });
}

function saveButton() {
  document.getElementById("save").addEventListener("click", () => {
    const text = document.getElementById("data").textContent;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "results.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  themeButton();
  saveButton();
  document.querySelectorAll("table[data-sortable]").forEach(sortable);
  document.querySelectorAll("input[data-for]").forEach(filterable);
  metricChooser();
  document.querySelectorAll("select[data-layers]").forEach(layerChooser);
});
