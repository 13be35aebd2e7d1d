//! The view on the log that is part of the source: keys as somebody presses them, and what the screen shows then. The frames are in
//! `frames`; with `BAYPLAN_BLESS=1` they are written anew.

use std::path::{Path, PathBuf};

use ratatui::backend::TestBackend;

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::model::Tone;
use super::*;
use crate::cli::past::ReplayLog;
use crate::past::tests::{messages, write};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn screen(width: u16, height: u16) -> Screen<TestBackend> {
    let file = root().join("examples/replay/harbour.log");
    of_log(&file, width, height).await
}

async fn of_log(file: &Path, width: u16, height: u16) -> Screen<TestBackend> {
    let place = ReplayLog { log: LogSource::Path(file.to_owned()), cluster: "default".to_owned(), no_cache: true };
    let walk = Walk::new(PastLog::open(&place).await.expect("a log")).await.expect("with records");
    let bounds = walk.bounds();
    let span = Span { first: bounds.first, last: bounds.last, from: bounds.first_at, to: bounds.last_at };
    let terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let drawn_at = Instant::now();
    let mut screen = Screen { terminal, model: Model::new("harbour.log".to_owned(), span), walk, drawn_at };
    screen.begin(Seq(1)).await;
    screen
}

impl Screen<TestBackend> {
    async fn press_all(&mut self, keys: &[KeyCode]) {
        for code in keys {
            let _going_on = self.press(KeyEvent::from(*code)).await;
        }
    }

    /// Writes a text, and Enter behind it.
    async fn answer(&mut self, key: char, text: &str) {
        self.press_all(&[KeyCode::Char(key)]).await;
        let keys: Vec<_> = text.chars().map(KeyCode::Char).collect();
        self.press_all(&keys).await;
        self.press_all(&[KeyCode::Enter]).await;
    }

    fn seq(&self) -> u64 {
        self.model.panes.seq.0
    }

    fn shown(&mut self) -> String {
        self.draw().expect("drawn");
        let buffer = self.terminal.backend().buffer();
        let line = |row: &[ratatui::buffer::Cell]| {
            let text: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
            format!("{}\n", text.trim_end())
        };
        buffer.content().chunks(usize::from(buffer.area.width)).map(line).collect()
    }

    /// Compares the screen with a recorded one.
    fn is_as_recorded(&mut self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/replay/view/frames").join(name);
        let shown = self.shown();
        if std::env::var_os("BAYPLAN_BLESS").is_some() {
            std::fs::write(&path, shown).expect("written");
            return;
        }
        let recorded = std::fs::read_to_string(&path).expect("a recorded frame");
        assert!(shown == recorded, "{name} is recorded otherwise; it shows\n{shown}");
    }
}

#[tokio::test]
async fn the_main_frames_are_as_recorded_on_a_narrow_and_on_a_wide_terminal() {
    for (width, height) in [(80, 24), (200, 50)] {
        let mut screen = screen(width, height).await;
        screen.is_as_recorded(&format!("begin-{width}.txt"));
        screen.answer('b', "app(\"/train\").waiting > 0").await;
        screen.is_as_recorded(&format!("break-{width}.txt"));
        screen.answer('g', "202").await;
        screen.press_all(&[KeyCode::Tab, KeyCode::Down, KeyCode::Down]).await;
        screen.is_as_recorded(&format!("scrolled-{width}.txt"));
        screen.press_all(&[KeyCode::Char('?')]).await;
        screen.is_as_recorded(&format!("help-{width}.txt"));
    }
}

#[tokio::test]
async fn a_step_back_shows_the_same_as_the_way_there() {
    let mut screen = screen(80, 24).await;
    // The first message is there once.
    screen.model.say("");
    let mut there = Vec::new();
    for _ in 0..239 {
        there.push(screen.shown());
        screen.press_all(&[KeyCode::Right]).await;
    }
    assert_eq!(screen.seq(), 240);
    screen.press_all(&[KeyCode::Right]).await;
    assert_eq!(screen.model.message.1, "this is the last record");
    for forwards in there.iter().rev() {
        screen.press_all(&[KeyCode::Left]).await;
        assert_eq!(&screen.shown(), forwards);
    }
    screen.press_all(&[KeyCode::PageDown]).await;
    assert_eq!(screen.seq(), 101);
    screen.press_all(&[KeyCode::End, KeyCode::Home]).await;
    assert_eq!(screen.seq(), 1);
}

#[tokio::test]
async fn searches_jumps_and_breaks_find_what_the_other_commands_find() {
    let mut screen = screen(80, 24).await;
    screen.answer('/', "scale_app").await;
    assert_eq!(screen.seq(), 202);
    screen.press_all(&[KeyCode::Char('n')]).await;
    assert_eq!(screen.seq(), 228);
    screen.press_all(&[KeyCode::Char('n')]).await;
    assert_eq!(screen.seq(), 228, "{:?}", screen.model.message);
    assert_eq!(screen.model.message, (Tone::Bad, "no record after this has 'scale_app'".to_owned()));
    screen.press_all(&[KeyCode::Char('N')]).await;
    assert_eq!(screen.seq(), 202);
    screen.answer('g', "08:01:11").await;
    assert_eq!(screen.model.panes.at, ::model::Timestamp(1_772_438_471_000));
    screen.press_all(&[KeyCode::Home]).await;
    screen.answer('b', "app(\"/train\").waiting > 0").await;
    assert_eq!(screen.seq(), 139);
    screen.press_all(&[KeyCode::End, KeyCode::Char('B')]).await;
    let last = screen.seq();
    screen.press_all(&[KeyCode::Home, KeyCode::Char('c')]).await;
    assert_eq!((screen.seq(), last >= 139), (139, true));
    screen.answer('b', "app(\"/train\").wating > 0").await;
    assert!(screen.model.message.1.contains("'wating' is unknown"), "{:?}", screen.model.message);
    assert_eq!(screen.seq(), 139);
}

/// The lines under the panes, without what only fills them up.
fn foot(shown: &str) -> String {
    let lines: Vec<_> = shown.lines().skip_while(|line| !line.starts_with('└')).skip(1).collect();
    lines.split_last().map(|(_keys, said)| said.join(" ")).unwrap_or_default()
}

#[tokio::test]
async fn long_messages_are_readable_as_a_whole_on_a_narrow_terminal() {
    let whole = std::fs::read(root().join("examples/replay/harbour.log")).expect("a log");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cut.log");
    std::fs::write(&file, &whole[..70_000]).expect("written");
    let mut screen = of_log(&file, 80, 24).await;
    let shown = screen.shown();
    assert_eq!(foot(&shown), screen.model.message.1, "{shown}");
    assert!(screen.model.message.1.len() > 80 && shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    for (key, text) in
        [('g', "the day before yesterday, or 08:99"), ('b', "app(\"/train\").wating > 0 && violations > 0")]
    {
        screen.answer(key, text).await;
        let shown = screen.shown();
        assert_eq!(screen.model.message.0, Tone::Bad);
        assert_eq!(foot(&shown), screen.model.message.1, "{shown}");
        assert!(screen.model.message.1.contains(text), "{shown}");
    }
}

#[tokio::test]
async fn a_jump_beyond_the_ends_says_where_the_log_ends() {
    let mut screen = screen(80, 24).await;
    for (wanted, seq) in [("999", 240), ("0", 1)] {
        screen.answer('g', wanted).await;
        let said = format!("there is no record {wanted}: the log has 1 to 240");
        assert_eq!((screen.seq(), &screen.model.message), (seq, &(Tone::Bad, said)));
    }
    screen.answer('g', "240").await;
    assert_eq!((screen.seq(), screen.model.message.1.as_str()), (240, ""));
    // As with --at.
    screen.begin(Seq(999)).await;
    assert_eq!(screen.model.message.1, "there is no record 999: the log has 1 to 240");
}

#[tokio::test]
async fn a_new_condition_takes_the_place_of_the_old_one_which_the_question_shows() {
    let mut screen = screen(80, 24).await;
    screen.answer('b', "app(\"/train\").waiting > 0").await;
    assert_eq!(screen.seq(), 139);
    screen.press_all(&[KeyCode::Home, KeyCode::Char('b')]).await;
    let shown = screen.shown();
    assert!(foot(&shown).contains("break on a condition, or Enter for app(\"/train\").waiting > 0:"), "{shown}");
    screen.press_all(&[KeyCode::Enter]).await;
    assert_eq!(screen.seq(), 139);
    screen.answer('b', "command == 'scale_app'").await;
    assert_eq!(
        (screen.seq(), screen.model.condition.as_ref().map(ToString::to_string).as_deref()),
        (202, Some("command == 'scale_app'"))
    );
    screen.press_all(&[KeyCode::Char('g'), KeyCode::Enter]).await;
    assert_eq!(screen.seq(), 202);
}

#[tokio::test]
async fn what_is_before_a_broken_record_can_be_looked_at() {
    let whole = std::fs::read(root().join("examples/replay/harbour.log")).expect("a log");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broken.log");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&file, bytes).expect("written");
    let mut screen = of_log(&file, 80, 24).await;
    let (tone, said) = screen.model.message.clone();
    assert_eq!(tone, Tone::Bad, "{said}");
    let last = screen.model.span.last.0;
    assert!(last > 10 && last < 240 && said.contains(&format!("record {}", last + 1)), "{last}: {said}");
    screen.press_all(&[KeyCode::End]).await;
    assert_eq!(screen.seq(), last);
    screen.press_all(&[KeyCode::Right, KeyCode::Left]).await;
    assert_eq!(screen.seq(), last - 1);
}

#[tokio::test]
async fn what_is_written_meanwhile_is_found_where_the_log_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut before = messages(1);
    let mut after = before.split_off(before.len() / 3);
    let last = after.split_off(after.len() / 2);
    let end = |messages: &[Vec<::model::SealedRecord>]| {
        messages.iter().flatten().last().expect("there are some").record.seq.0
    };
    let [first, second, third] = [&before, &after, &last].map(|messages| end(messages));
    write(folder.path(), before).await;
    let mut screen = of_log(folder.path(), 80, 24).await;
    screen.press_all(&[KeyCode::End, KeyCode::Right]).await;
    assert_eq!((screen.seq(), screen.model.message.1.as_str()), (first, "this is the last record"));
    write(folder.path(), after).await;
    screen.press_all(&[KeyCode::Right]).await;
    assert_eq!((screen.seq(), screen.model.span.last.0), (first + 1, second));
    assert!(screen.shown().contains("counted in part"));
    screen.press_all(&[KeyCode::PageDown, KeyCode::End]).await;
    assert_eq!(screen.seq(), second);
    write(folder.path(), last).await;
    screen.answer('g', &third.to_string()).await;
    assert_eq!(screen.seq(), third);
}

#[tokio::test]
async fn keys_break_off_what_takes_long_and_q_goes() {
    let mut screen = screen(80, 24).await;
    let model = &mut screen.model;
    for code in [KeyCode::Char('n'), KeyCode::Right, KeyCode::Char('c')] {
        assert!(!model.breaks_off(KeyEvent::from(code)), "{code:?}");
    }
    for key in [KeyEvent::from(KeyCode::Esc), KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)] {
        assert!(model.breaks_off(key) && !model.is_left, "{key:?}");
    }
    assert!(model.breaks_off(KeyEvent::from(KeyCode::Char('q'))));
    assert!(screen.press(KeyEvent::from(KeyCode::Right)).await.is_break());
}
