// Show the definition of a glossary term while its link is pointed at or focused; Escape hides it.
{
  const tip = document.createElement("div");
  tip.id = "glossary-tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let shown = null;
  let leaving = 0;

  function show(link) {
    const text = GLOSSARY[link.hash.slice(1)];
    if (!text) return;
    clearTimeout(leaving);
    hide();
    shown = link;
    tip.textContent = text;
    tip.hidden = false;
    link.setAttribute("aria-describedby", tip.id);
    const place = link.getClientRects()[0];
    const left = Math.min(place.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = place.bottom + 4;
    const fits = below + tip.offsetHeight < innerHeight || place.top < tip.offsetHeight + 4;
    tip.style.left = `${scrollX + Math.max(left, 8)}px`;
    tip.style.top = `${scrollY + (fits ? below : place.top - tip.offsetHeight - 4)}px`;
  }

  function hide() {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  }

  // time to move the pointer onto the definition, which stays while it is there
  const leave = () => (leaving = setTimeout(hide, 200));
  for (const link of document.querySelectorAll('article a[href*="glossary.html#term-"]')) {
    link.addEventListener("mouseenter", () => show(link));
    link.addEventListener("mouseleave", leave);
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", hide);
  }
  tip.addEventListener("mouseenter", () => clearTimeout(leaving));
  tip.addEventListener("mouseleave", leave);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}
