//! Two pictures side by side as SVG: what is allocated, and what is fragmented, over what has arrived.

use std::fmt::Write;

use trace::Column;

use super::{by_policy, means};
use crate::packing::Packed;

/// Of Okabe and Ito, to be told apart by everybody.
const COLORS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933"];
const DASHES: [&str; 2] = ["none", "5 3"];
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 320.0;
/// Around a picture, for what is written there.
const LEFT: f64 = 52.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;
const LEGEND_LINE: f64 = 18.0;

/// One of the two pictures.
struct Panel {
    title: &'static str,
    of: fn(&Column) -> f64,
    left: f64,
    /// What the horizontal and the vertical axis end with.
    right_end: f64,
    top_end: f64,
}

pub(crate) fn chart(packed: &[Packed]) -> String {
    let policies: Vec<(&str, Vec<Column>)> =
        by_policy(packed).into_iter().map(|(policy, runs)| (policy, means(&runs))).collect();
    let all = || policies.iter().flat_map(|(_, columns)| columns);
    let right_end = round_up(all().map(|column| f64::from(column.percent)).fold(10.0, f64::max));
    let highest = |of: fn(&Column) -> f64| round_up(all().map(of).fold(5.0, f64::max)).min(100.0);
    let panel = |title, of: fn(&Column) -> f64, left| Panel { title, of, left, right_end, top_end: highest(of) };
    let panels = [
        panel("GPUs allocated (% of all)", |column: &Column| column.allocated, LEFT),
        panel("GPUs fragmented (% of all)", |column: &Column| column.fragmented, LEFT + WIDTH + LEFT + 20.0),
    ];
    let legend_lines = policies.len().div_ceil(4) as f64;
    let (width, height) = (2.0 * (LEFT + WIDTH) + 50.0, TOP + HEIGHT + BOTTOM + legend_lines * LEGEND_LINE + 10.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for panel in &panels {
        panel.draw(&mut svg, &policies);
    }
    legend(&mut svg, &policies);
    svg + "</svg>\n"
}

fn round_up(value: f64) -> f64 {
    (value / 10.0).ceil() * 10.0
}

fn style(index: usize) -> (&'static str, &'static str) {
    (COLORS[index % COLORS.len()], DASHES[index / COLORS.len() % DASHES.len()])
}

impl Panel {
    fn x(&self, percent: f64) -> f64 {
        self.left + percent / self.right_end * WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        TOP + HEIGHT - value / self.top_end * HEIGHT
    }

    fn draw(&self, svg: &mut String, policies: &[(&str, Vec<Column>)]) {
        let (left, bottom) = (self.left, TOP + HEIGHT);
        // Writing into a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" font-size=\"14\" font-weight=\"bold\">{}</text>",
            TOP - 14.0,
            self.title
        );
        for tick in ticks(self.top_end) {
            let y = self.y(tick);
            let _ = writeln!(
                svg,
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>",
                left + WIDTH
            );
            let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>", left - 6.0, y + 4.0);
        }
        for tick in ticks(self.right_end) {
            let x = self.x(tick);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#888\"/>",
                bottom + 4.0
            );
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>", bottom + 18.0);
        }
        let middle = left + WIDTH / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">GPUs asked for (% of all)</text>",
            bottom + 36.0
        );
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888\"/>"
        );
        for (index, (policy, columns)) in policies.iter().enumerate() {
            let (color, dash) = style(index);
            let point =
                |column: &Column| format!("{:.1},{:.1}", self.x(column.percent.into()), self.y((self.of)(column)));
            let points: Vec<String> = columns.iter().map(point).collect();
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"1.8\" stroke-dasharray=\"{dash}\" points=\"{}\">\
                 <title>{policy}</title></polyline>",
                points.join(" ")
            );
        }
    }
}

/// Some six of them, at round numbers.
fn ticks(end: f64) -> impl Iterator<Item = f64> {
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0].into_iter().find(|step| end / step <= 8.0).unwrap_or(200.0);
    (0..=(end / step) as u32).map(move |count| f64::from(count) * step)
}

fn legend(svg: &mut String, policies: &[(&str, Vec<Column>)]) {
    for (index, (policy, columns)) in policies.iter().enumerate() {
        let (color, dash) = style(index);
        let (x, y) =
            (LEFT + (index % 4) as f64 * 250.0, TOP + HEIGHT + BOTTOM + (index / 4) as f64 * LEGEND_LINE + 8.0);
        let end = columns.last().map_or(0.0, |column| column.allocated);
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"2.5\" stroke-dasharray=\"{dash}\"/>",
            x + 26.0
        );
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{policy}: {end:.2} % in the end</text>", x + 32.0, y + 4.0);
    }
}
