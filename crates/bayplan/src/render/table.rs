//! Tables that a shell can take apart: columns two spaces apart, no lines, one row per line.

use anstyle::Style;

use crate::output::{BOLD, styled};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// `-` stands for nothing, so that every row has as many words as the next.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text: if text.is_empty() { "-".to_owned() } else { text }, style: Style::new() }
    }

    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { style, ..Self::new(text) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// The last column is for text of any length: on a terminal it is cut where the line would wrap.
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
}

/// So much of the last column is shown on the narrowest terminal.
const NARROWEST: usize = 12;

impl Table {
    pub(crate) fn new(columns: &[(impl AsRef<str>, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| (name.as_ref().to_owned(), *align)).collect();
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<_> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.columns.len(), "a row has a cell for every column");
        self.rows.push(cells);
    }

    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.widest(column)).collect();
        let before_last: usize = widths.iter().rev().skip(1).map(|width| width + 2).sum();
        let room = width.map(|width| width.saturating_sub(before_last).max(NARROWEST));
        let mut text = String::new();
        let header: Vec<_> = self.columns.iter().map(|(name, _)| Cell::styled(name.as_str(), BOLD)).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            self.render_row(row, &widths, room, &mut text);
        }
        text
    }

    fn widest(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].text.chars().count());
        cells.chain([self.columns[column].0.len()]).max().unwrap_or_default()
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], room: Option<usize>, text: &mut String) {
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let is_last = index + 1 == row.len();
            let shown = if is_last { cut(&cell.text, room) } else { cell.text.clone() };
            let padding = " ".repeat(width.saturating_sub(shown.chars().count()));
            match self.columns[index].1 {
                Align::Right => text.push_str(&format!("{padding}{}", styled(cell.style, &shown))),
                Align::Left if is_last => text.push_str(&styled(cell.style, &shown)),
                Align::Left => text.push_str(&format!("{}{padding}", styled(cell.style, &shown))),
            }
            text.push_str(if is_last { "\n" } else { "  " });
        }
    }
}

/// The beginning of a text that is too long, with a sign that there is more.
pub(crate) fn cut(text: &str, room: Option<usize>) -> String {
    match room {
        Some(room) if text.chars().count() > room => {
            let kept: String = text.chars().take(room.saturating_sub(1)).collect();
            format!("{kept}…")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::plain;

    fn table() -> Table {
        let mut table = Table::new(&[("NAME", Align::Left), ("CPUS", Align::Right), ("WHY", Align::Left)]);
        table.row(["a".into(), "0.5".into(), "a long reason that goes on".into()]);
        table.row(["a-long-name".into(), "12".into(), "".into()]);
        table
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        assert_eq!(
            plain(&table().render(None)),
            "NAME         CPUS  WHY\n\
             a             0.5  a long reason that goes on\n\
             a-long-name    12  -\n"
        );
    }

    #[test]
    fn only_the_last_column_is_cut_to_the_terminal() {
        assert_eq!(
            plain(&table().render(Some(33))),
            "NAME         CPUS  WHY\n\
             a             0.5  a long reason…\n\
             a-long-name    12  -\n"
        );
    }
}
