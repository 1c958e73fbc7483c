// The last hours, drawn: a figure per question, whose caption says in words what the drawing shows.

import { counted, drawn, element, spanText } from "./elements.js";

const WIDTH = 600;
const HEIGHT = 72;
const LEAST_SECONDS = 60;

// As the daemon sends a sample: see samples.py.
const [AT, HEARS, WAITING, OLDEST, HANDLED, SAID, FAILED] = [0, 1, 2, 3, 4, 5, 6];

/** The figures of these samples, which ascend in time. */
export function figures(samples) {
  if (samples.length === 0) return [element("p", { class: "quiet" }, "The first sample is taken some seconds after the start.")];
  const end = samples.at(-1)[AT];
  const begin = Math.min(samples[0][AT], end - LEAST_SECONDS);
  const x = (at) => ((at - begin) / (end - begin)) * WIDTH;
  return [
    hearing(samples, x, end - begin),
    lines("Waiting", samples.map((each) => each[WAITING]), samples, x, end - begin, (most, now) => `${now} now, at most ${most}`),
    lines("Oldest waits", samples.map((each) => each[OLDEST]), samples, x, end - begin, (most, now) => `${spanText(now)} now, at most ${spanText(most)}`),
    rates(samples, x, end - begin),
  ];
}

function hearing(samples, x, span) {
  const bars = [];
  let deaf = 0;
  samples.forEach((each, place) => {
    const until = samples[place + 1] ? samples[place + 1][AT] : each[AT];
    const width = Math.max(1.5, x(until) - x(each[AT]));
    if (!each[HEARS]) deaf += 1;
    bars.push(
      drawn("rect", {
        class: each[HEARS] ? "hears" : "deaf",
        x: x(each[AT]),
        y: each[HEARS] ? HEIGHT * 0.55 : HEIGHT * 0.15,
        width,
        height: each[HEARS] ? HEIGHT * 0.45 : HEIGHT * 0.85,
      }),
    );
  });
  const words = deaf === 0 ? "at every sample" : `not at ${counted(deaf, "sample")} of ${samples.length}`;
  return figure("Hearing proven", words, span, bars);
}

function lines(title, values, samples, x, span, words) {
  const most = Math.max(...values);
  const points = values.map((value, place) => [x(samples[place][AT]), height(value, most)]);
  return figure(title, words(most, values.at(-1)), span, [area(points), line(points, "line")]);
}

/** What was handled and said, per minute between two samples. */
function rates(samples, x, span) {
  const perMinute = (column) =>
    samples.slice(1).map((each, place) => ((each[column] - samples[place][column]) * 60) / Math.max(1, each[AT] - samples[place][AT]));
  const [handled, said] = [perMinute(HANDLED), perMinute(SAID)];
  const most = Math.max(0, ...handled, ...said);
  const points = (values) => values.map((value, place) => [x(samples[place + 1][AT]), height(value, most)]);
  const failed = samples.at(-1)[FAILED] - samples[0][FAILED];
  const words = `${samples.at(-1)[HANDLED] - samples[0][HANDLED]} handled, ${samples.at(-1)[SAID] - samples[0][SAID]} said (dashed), ${failed} failed`;
  return figure("Pace", words, span, [area(points(handled)), line(points(handled), "line"), line(points(said), "line second")]);
}

function figure(title, words, span, drawing) {
  return element(
    "figure",
    {},
    element("figcaption", {}, element("strong", {}, title), element("span", {}, words)),
    drawn("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, drawing),
    element("div", { class: "span", "aria-hidden": "true" }, element("span", {}, `${spanText(span)} ago`), element("span", {}, "now")),
  );
}

function height(value, most) {
  return HEIGHT - (most === 0 ? 0 : (value / most) * (HEIGHT - 6)) - 1;
}

function line(points, name) {
  return drawn("polyline", { class: name, points: points.map((point) => point.map(rounded).join(",")).join(" ") });
}

function area(points) {
  if (points.length === 0) return null;
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const around = [[first, HEIGHT], ...points, [last, HEIGHT]];
  return drawn("polygon", { class: "area", points: around.map((point) => point.map(rounded).join(",")).join(" ") });
}

function rounded(value) {
  return Math.round(value * 10) / 10;
}
