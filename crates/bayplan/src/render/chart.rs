//! Two pictures side by side as SVG: of each policy two shares of the cluster in percent, over what was asked for.

use std::fmt::Write;

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

/// What one policy came to on the way.
pub(crate) struct Line {
    pub(crate) name: String,
    /// What was asked for so far, and the two shares after it.
    pub(crate) points: Vec<(f64, [f64; 2])>,
}

pub(crate) struct Chart {
    /// Of the two pictures.
    pub(crate) titles: [&'static str; 2],
    pub(crate) asked_for: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// One of the two pictures.
struct Panel<'a> {
    chart: &'a Chart,
    nth: usize,
    left: f64,
    /// What the horizontal and the vertical axis end with.
    right_end: f64,
    top_end: f64,
}

impl Chart {
    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let right_end = round_up(points().map(|(x, _)| *x).fold(10.0, f64::max));
        let panel = |nth: usize| {
            let highest = points().map(|(_, shares)| shares[nth]).fold(5.0, f64::max);
            let left = LEFT + nth as f64 * (WIDTH + LEFT + 20.0);
            Panel { chart: self, nth, left, right_end, top_end: round_up(highest).min(100.0) }
        };
        let legend_lines = self.lines.len().div_ceil(4) as f64;
        let (width, height) = (2.0 * (LEFT + WIDTH) + 50.0, TOP + HEIGHT + BOTTOM + legend_lines * LEGEND_LINE + 10.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        [0, 1].map(panel).iter().for_each(|panel| panel.draw(&mut svg));
        self.legend(&mut svg);
        svg + "</svg>\n"
    }

    fn legend(&self, svg: &mut String) {
        for (index, Line { name, points }) in self.lines.iter().enumerate() {
            let (color, dash) = style(index);
            let (x, y) =
                (LEFT + (index % 4) as f64 * 250.0, TOP + HEIGHT + BOTTOM + (index / 4) as f64 * LEGEND_LINE + 8.0);
            let end = points.last().map_or(0.0, |(_, shares)| shares[0]);
            let _ = writeln!(
                svg,
                "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"2.5\" stroke-dasharray=\"{dash}\"/>",
                x + 26.0
            );
            let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{name}: {end:.2} % in the end</text>", x + 32.0, y + 4.0);
        }
    }
}

fn round_up(value: f64) -> f64 {
    (value / 10.0).ceil() * 10.0
}

fn style(index: usize) -> (&'static str, &'static str) {
    (COLORS[index % COLORS.len()], DASHES[index / COLORS.len() % DASHES.len()])
}

impl Panel<'_> {
    fn x(&self, asked_for: f64) -> f64 {
        self.left + asked_for / self.right_end * WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        TOP + HEIGHT - value / self.top_end * HEIGHT
    }

    fn draw(&self, svg: &mut String) {
        let (left, bottom) = (self.left, TOP + HEIGHT);
        // Writing into a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" font-size=\"14\" font-weight=\"bold\">{}</text>",
            TOP - 14.0,
            self.chart.titles[self.nth]
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
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 36.0,
            self.chart.asked_for
        );
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888\"/>"
        );
        for (index, Line { name, points }) in self.chart.lines.iter().enumerate() {
            let (color, dash) = style(index);
            let point = |(x, shares): &(f64, [f64; 2])| format!("{:.1},{:.1}", self.x(*x), self.y(shares[self.nth]));
            let points: Vec<String> = points.iter().map(point).collect();
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"1.8\" stroke-dasharray=\"{dash}\" points=\"{}\">\
                 <title>{name}</title></polyline>",
                points.join(" ")
            );
        }
    }
}

/// Some six of them, at round numbers.
fn ticks(end: f64) -> impl Iterator<Item = f64> {
    let mut steps = (0..).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    let step = steps.find(|step| end / step <= 8.0).unwrap_or(end);
    (0..=(end / step) as u32).map(move |count| f64::from(count) * step)
}
