//! What the last lines say: what is asked, how far something is, or what came of a key. As many lines as it takes to say all of it.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use replay::words::one_line;

use super::model::{Mode, Model, Question, Tone};

const DIM: Style = Style::new().add_modifier(Modifier::DIM);

#[derive(Debug)]
pub(super) struct Foot {
    pub(super) lines: Vec<Line<'static>>,
    /// The column and line where the next character goes, while something is written.
    pub(super) cursor: Option<(u16, u16)>,
}

pub(super) fn of(model: &Model, width: u16) -> Foot {
    let width = usize::from(width).max(1);
    let (text, style) = match &model.mode {
        Mode::Ask(question, written) => return asked(&prompt(model, *question), written, width),
        Mode::Run { what, at } => {
            let far = format!("{what}: record {at} of {}; Esc breaks off, q quits", model.span.last);
            (far, Style::new().fg(Color::Yellow))
        }
        Mode::Walk | Mode::Help => match &model.message {
            (Tone::Bad, text) => (one_line(text), Style::new().fg(Color::Red)),
            (Tone::Plain, text) if text.is_empty() => (standing(model), DIM),
            (Tone::Plain, text) => (one_line(text), Style::new()),
        },
    };
    let lines = wrapped(&text, width).into_iter().map(|line| Line::styled(line, style)).collect();
    Foot { lines, cursor: None }
}

/// What Enter alone stands for is part of the question.
fn prompt(model: &Model, question: Question) -> String {
    match (question, &model.condition) {
        (Question::Break, Some(condition)) => {
            format!("{}, or Enter for {}: ", question.words(), one_line(&condition.to_string()))
        }
        _ => format!("{}: ", question.words()),
    }
}

/// Line after line is filled, so that the cursor stands behind what is written.
fn asked(prompt: &str, written: &str, width: usize) -> Foot {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let prompted = prompt.chars().map(|c| (c, bold));
    let all: Vec<(char, Style)> = prompted.chain(written.chars().map(|c| (c, Style::new()))).collect();
    let count = all.len() / width + 1;
    let mut lines: Vec<Line<'static>> = all
        .chunks(width)
        .map(|line| {
            line.chunk_by(|one, other| one.1 == other.1)
                .map(|part| {
                    let text: String = part.iter().map(|(c, _)| *c).collect();
                    Span::styled(text, part[0].1)
                })
                .collect()
        })
        .collect();
    lines.resize(count, Line::default());
    let place = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
    Foot { lines, cursor: Some((place(all.len() % width), place(count - 1))) }
}

/// What n and c look for.
fn standing(model: &Model) -> String {
    let text = model.text.as_ref().map(|text| format!("n: {text}"));
    let condition = model.condition.as_ref().map(|condition| format!("c: {condition}"));
    one_line(&text.into_iter().chain(condition).collect::<Vec<_>>().join("  "))
}

/// Between words where it can be; there is one line at least.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let wide = |text: &str| Line::raw(text).width();
    for word in text.split(' ') {
        if !line.is_empty() && wide(&line) + 1 + wide(word) > width {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            line.push(c);
            if wide(&line) > width && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_where_they_fit() {
        let cases: &[(&str, usize, &[&str])] = &[
            ("", 5, &[""]),
            ("one two", 7, &["one two"]),
            ("one two", 6, &["one", "two"]),
            ("a longword b", 5, &["a", "longw", "ord b"]),
            ("日本 語", 4, &["日本", "語"]),
            ("日", 1, &["日"]),
        ];
        for (text, width, lines) in cases {
            assert_eq!(wrapped(text, *width), *lines, "{text} in {width}");
        }
    }

    #[test]
    fn the_cursor_stands_behind_what_is_written() {
        for (written, lines, cursor) in
            [("", 1, (3, 0)), ("abcd", 1, (7, 0)), ("abcde", 2, (0, 1)), ("abcdef", 2, (1, 1))]
        {
            let foot = asked("g: ", written, 8);
            assert_eq!((foot.lines.len(), foot.cursor), (lines, Some(cursor)), "{written}");
        }
    }
}
