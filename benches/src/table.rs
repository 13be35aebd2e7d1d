//! Tables in Markdown, with columns that are as wide as they have to be.

use std::fmt;

pub struct Table {
    /// How many of the first columns hold words; the others hold numbers.
    words: usize,
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    #[must_use]
    pub fn new<const N: usize>(words: usize, headings: [&str; N]) -> Self {
        Self { words, headings: headings.map(str::to_owned).into(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells.into_iter().collect();
        assert_eq!(row.len(), self.headings.len(), "a row has a cell for each heading");
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.headings]).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default().max(3)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                if column < self.words {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")
        };
        line(f, &self.headings)?;
        let rule = |(column, width): (usize, &usize)| match column < self.words {
            true => "-".repeat(*width),
            false => format!("{}:", "-".repeat(width - 1)),
        };
        line(f, &widths.iter().enumerate().map(rule).collect::<Vec<_>>())?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

/// With three significant digits, which is more than most measurements have, and with commas.
#[must_use]
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits_before = value.abs().log10().floor() as i32 + 1;
    if digits_before < 3 {
        return format!("{value:.*}", usize::try_from(3 - digits_before).unwrap_or(0).min(6));
    }
    let unit = 10_f64.powi(digits_before - 3);
    let plain = format!("{:.0}", (value / unit).round() * unit);
    let (sign, digits) = plain.split_at(usize::from(plain.starts_with('-')));
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    format!("{sign}{}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let cases = [
            (1_234_567.0, "1,230,000"),
            (999.6, "1,000"),
            (123.4, "123"),
            (12.34, "12.3"),
            (1.0, "1.00"),
            (0.04567, "0.0457"),
            (-1_234.0, "-1,230"),
        ];
        for (value, shown) in cases {
            assert_eq!(number(value), shown);
        }
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(1, ["policy", "rate (1/s)"]);
        table.row(["best-fit".to_owned(), number(1_500.0)]);
        assert_eq!(
            table.to_string(),
            "| policy   | rate (1/s) |\n| -------- | ---------: |\n| best-fit |      1,500 |\n"
        );
    }
}
