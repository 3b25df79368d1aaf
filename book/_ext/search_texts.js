// Under each result of a search, the text around the first word that was searched for.
{
  const words = splitQuery((new URLSearchParams(location.search).get("q") ?? "").toLowerCase());

  function summarise(item) {
    const link = item.querySelector("a");
    const text = SEARCH_TEXTS[link?.getAttribute("href").replace(/\.html(#.*)?$/, "")];
    if (!text || item.querySelector(".context")) return;
    const lower = text.toLowerCase();
    const found = words.map((word) => lower.indexOf(word)).filter((place) => place >= 0);
    const start = Math.max(Math.min(...found, lower.length) - 120, 0);
    if (!found.length) return;
    const summary = document.createElement("p");
    summary.className = "context";
    summary.textContent = `${start ? "…" : ""}${text.slice(start, start + 240).trim()}…`;
    item.append(summary);
  }

  new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const node of addedNodes) if (node.matches?.("#search-results li")) summarise(node);
  }).observe(document.body, { childList: true, subtree: true });
}
