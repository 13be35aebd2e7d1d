//! The story of an app, a task, an agent or an offer.

use std::fmt::Write as _;

use replay::Story;
use replay::story::{STEPS_LIMIT, What};
use replay::words::{one_line, span};

use super::time::moment;
use crate::output::{BAD, BOLD, BUSY, DIM, GOOD, styled};

/// One paragraph per record: number, time, how long after the one before it, who, which command; then what it says.
pub(crate) fn story(story: &Story) -> String {
    let mut text = format!("{}\n", styled(BOLD, &format!("The story of {}", story.subject)));
    let mut before = None;
    for step in &story.steps {
        let since = before.map(|before| format!("+{}", span(step.at.ms_since(before)))).unwrap_or_default();
        before = Some(step.at);
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "\n{:>6}  {}  {since:<11}  {}  {}",
            step.seq.0,
            styled(DIM, &moment(step.at)),
            one_line(&step.by.0),
            one_line(&step.command),
        );
        for said in &step.said {
            let _written = writeln!(text, "        {}", styled(style_of(said.what), &said.text));
            for because in &said.because {
                let ago = match step.at.ms_since(because.at) {
                    0 => "at once".to_owned(),
                    ms => format!("{} before", span(ms)),
                };
                let (seq, by, why) = (because.seq, one_line(&because.by.0), one_line(&because.text));
                let line = format!("because of record {seq}, {ago}, by {by}: {why}");
                let _written = writeln!(text, "          {}", styled(DIM, &line));
            }
        }
    }
    if story.left_out > 0 {
        let line = format!(
            "\n{} more steps are left out: a story has {STEPS_LIMIT} at most; --from and --until narrow it.\n",
            story.left_out
        );
        text += &line;
    }
    text
}

const fn style_of(what: What) -> anstyle::Style {
    match what {
        What::Good => GOOD,
        What::Bad => BAD,
        What::Waiting | What::Ending | What::Repeated => BUSY,
        What::Wish => BOLD,
        What::Progress | What::Note => anstyle::Style::new(),
    }
}
