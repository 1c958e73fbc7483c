// Elements made by hand: texts of the server's get into the page as text and in no other way.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a child that is no node is text, and an empty one is left out. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Likewise, of a drawing. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "click") made.addEventListener("click", value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Put these in place of what is there, and the focus back on what has the same `data-key`. */
export function show(place, ...children) {
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  place.replaceChildren(...children.flat().filter((child) => child));
  if (key === undefined) return;
  const again = [...place.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key);
  if (again) again.focus({ preventScroll: true });
}

/** A span of time in words: the largest unit that fits. */
export function spanText(seconds) {
  if (seconds < 1) return "0 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** "12 s ago", kept true by `keepAges`; `never` where there is no time. */
export function ago(at, never = "never") {
  if (at === null || at === undefined) return never;
  const made = element("time", { datetime: new Date(at * 1000).toISOString(), "data-at": at, "data-words": "ago" });
  tellAge(made);
  return made;
}

/** "for 12 s", likewise. */
export function since(at) {
  const made = element("time", { datetime: new Date(at * 1000).toISOString(), "data-at": at, "data-words": "for" });
  tellAge(made);
  return made;
}

/** The time of day. */
export function clock(at) {
  const date = new Date(at * 1000);
  return element("time", { datetime: date.toISOString() }, date.toLocaleTimeString([], { hour12: false }));
}

/** Write all ages anew. */
export function keepAges() {
  for (const each of document.querySelectorAll("time[data-at]")) tellAge(each);
}

function tellAge(made) {
  const span = spanText(Math.max(0, Date.now() / 1000 - Number(made.dataset.at)));
  made.textContent = made.dataset.words === "ago" ? `${span} ago` : `for ${span}`;
}

/** "1 message", "2 messages". */
export function counted(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/** Bytes in words. */
export function sizeText(bytes) {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
