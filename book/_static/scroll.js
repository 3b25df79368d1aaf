// What is wider than the page is a group that the keyboard can reach and scroll, with a name. Its
// attribute data-more says on which sides there is more; the style sheet fades these.
const WIDE = ".pst-scrollable-table-container, .output.text_html, div.math > mjx-container, div.highlight pre";

const nameOf = (element) => {
  const figure = element.closest("figure, div.math") ?? element;
  const number = figure.querySelector(".caption-number, .eqno")?.firstChild?.textContent.trim();
  const kind = { PRE: "Code", "MJX-CONTAINER": "Equation", DIV: "Table" }[element.tagName];
  return `${number?.startsWith(kind) ? number : [kind, number].filter(Boolean).join(" ")}, scrolls sideways`;
};

const look = (element) => {
  const hidden = element.scrollWidth - element.clientWidth;
  if (hidden <= 1) {
    for (const name of ["data-more", "tabindex", "role", "aria-label"]) element.removeAttribute(name);
    return;
  }
  const more = [element.scrollLeft > 1 && "left", element.scrollLeft < hidden - 1 && "right"];
  element.dataset.more = more.filter(Boolean).join(" ");
  element.tabIndex = 0;
  element.setAttribute("role", "group"); // a region is a landmark, and those of code would share a name
  element.setAttribute("aria-label", nameOf(element));
};

document.addEventListener("DOMContentLoaded", () => {
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => look(target)));
  for (const element of document.querySelector("article")?.querySelectorAll(WIDE) ?? []) {
    element.addEventListener("scroll", () => look(element), { passive: true });
    resized.observe(element);
  }
});
