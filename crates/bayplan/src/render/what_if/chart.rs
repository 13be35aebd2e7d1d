//! Four pictures as SVG: agents in use, cpus and memory that are taken, and instances that are missing, over time.

use std::fmt::Write;

use crate::commands::replay::what_if::{Document, Moment, PointOf};
use crate::render::time::{moment, record, span};

/// Of Okabe and Ito, to be told apart by everybody: as it was, and what if.
const LINES: [(&str, &str, &str); 2] = [("as it was", "#0072b2", "5 3"), ("what if", "#d55e00", "none")];
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 180.0;
/// Around a picture, for what is written there.
const LEFT: f64 = 52.0;
const TOP: f64 = 64.0;
const GAP: f64 = 76.0;
const TICKS: u32 = 4;
const PERCENT: &str = " %";

struct Panel<'a> {
    title: &'static str,
    of: &'a dyn Fn(&Moment) -> f64,
    unit: &'static str,
    left: f64,
    top: f64,
}

pub(crate) fn chart(document: &Document) -> String {
    let (width, height) = (2.0 * (LEFT + WIDTH) + 40.0, TOP + 2.0 * HEIGHT + GAP + 60.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    legend(&mut svg, document);
    let at = |column: f64, row: f64| (LEFT + column * (LEFT + WIDTH + 20.0), TOP + row * (HEIGHT + GAP));
    let panel = |title, of, unit, (left, top)| Panel { title, of, unit, left, top };
    let panels = [
        panel("Agents in use", &|point: &Moment| f64::from(point.agents_in_use), "", at(0.0, 0.0)),
        panel("Instances that are missing", &|point: &Moment| point.missing as f64, "", at(1.0, 0.0)),
        panel("Cpus taken", &|point: &Moment| point.cpus * 100.0, PERCENT, at(0.0, 1.0)),
        panel("Memory taken", &|point: &Moment| point.mem * 100.0, PERCENT, at(1.0, 1.0)),
    ];
    panels.iter().for_each(|panel| panel.draw(&mut svg, document));
    svg + "</svg>\n"
}

fn legend(svg: &mut String, document: &Document) {
    for (index, (name, color, dash)) in LINES.iter().enumerate() {
        let x = LEFT + index as f64 * 120.0;
        // Writing into a string cannot fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"20\" x2=\"{}\" y2=\"20\" stroke=\"{color}\" stroke-width=\"2.5\" stroke-dasharray=\"{dash}\"/>\
             <text x=\"{}\" y=\"24\">{name}</text>",
            x + 26.0,
            x + 32.0
        );
    }
    let change = if document.change.is_empty() { "nothing is changed".to_owned() } else { document.change.join("; ") };
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"24\">from {}: {}</text>",
        LEFT + 250.0,
        record(document.fork, &format!(" at {}", moment(document.from))),
        escaped(&change)
    );
}

/// What others named must not become part of the picture's markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Panel<'_> {
    fn draw(&self, svg: &mut String, document: &Document) {
        let (left, top, bottom) = (self.left, self.top, self.top + HEIGHT);
        let values = document.points.iter().flat_map(|point| [&point.as_it_was, &point.what_if]);
        let highest = match (round_up(values.map(self.of).fold(0.0, f64::max)), self.unit) {
            (highest, PERCENT) => highest.min(100.0),
            (highest, _) => highest,
        };
        let lasted_ms = document.to.ms_since(document.from).max(1);
        // Writing into a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" font-size=\"14\" font-weight=\"bold\">{}</text>",
            top - 10.0,
            self.title
        );
        for tick in 0..=TICKS {
            let share = f64::from(tick) / f64::from(TICKS);
            let (x, y) = (left + share * WIDTH, bottom - share * HEIGHT);
            let _ = writeln!(
                svg,
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}{}</text>",
                left + WIDTH,
                left - 6.0,
                y + 4.0,
                highest * share,
                self.unit
            );
            let after = span((lasted_ms as f64 * share) as u64);
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">+{after}</text>", bottom + 16.0);
        }
        for (side, (name, color, dash)) in LINES.iter().enumerate() {
            let point = |point: &PointOf| {
                let of = if side == 0 { &point.as_it_was } else { &point.what_if };
                let share = point.at.ms_since(document.from) as f64 / lasted_ms as f64;
                format!("{:.1},{:.1}", left + share * WIDTH, bottom - (self.of)(of) / highest * HEIGHT)
            };
            let points: Vec<String> = document.points.iter().map(point).collect();
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"1.8\" stroke-dasharray=\"{dash}\" points=\"{}\">\
                 <title>{name}</title></polyline>",
                points.join(" ")
            );
        }
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888\"/>"
        );
    }
}

/// To a number of which a quarter is easy to read.
fn round_up(value: f64) -> f64 {
    let mut end = 4.0;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if value <= end {
            return end;
        }
        end *= factor;
    }
    end
}
