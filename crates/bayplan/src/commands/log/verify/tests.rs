//! Logs whose records are well sealed, and one of which says what must not be: as a master with a mistake in it would write.

use model::{AppId, Event, Record, Scalar, SealedRecord, Seq, Task, Tip, Workload};
use state::State;

use super::{CHECK_EVERY, run};
use crate::cli::ColorWhen;
use crate::output::Output;
use crate::past::PastLog;
use crate::past::tests::{look, messages, write};

/// What becomes of the state hashes that the records say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hashes {
    /// Those of the states with the mistake.
    Right,
    None,
    /// Those of the states without it.
    Old,
}

/// The record in the second half that launches a task which is there to the end, and that task.
fn launch_that_stays(messages: &[Vec<SealedRecord>]) -> (Seq, Task) {
    let records = || messages.iter().flatten();
    let mut state = State::default();
    records().for_each(|sealed| state.apply(&sealed.record));
    let half = state.seq.0 / 2;
    let launches = records().skip(usize::try_from(half).expect("it is small"));
    let mut launches = launches.flat_map(|sealed| sealed.record.events.iter().map(|event| (sealed.record.seq, event)));
    let found = launches.find_map(|(seq, event)| match event {
        Event::TaskLaunched { task } => {
            state.tasks.get(&task.id).filter(|task| task.is_active()).map(|task| (seq, Task::clone(task)))
        }
        _ => None,
    });
    found.expect("tasks are launched all the time")
}

/// The same log, but for what is launched by one record; all is sealed anew, so that the chain holds.
fn planted(
    messages: &[Vec<SealedRecord>],
    launch: &(Seq, Task),
    hashes: Hashes,
    change: impl Fn(&mut model::LaunchedTask),
) -> Vec<Vec<SealedRecord>> {
    let (mut tip, mut state) = (Tip::default(), State::default());
    let mut seal = |sealed: &SealedRecord| {
        let mut record = Record { previous: tip.hash, ..Record::clone(&sealed.record) };
        for event in record.events.iter_mut().filter(|_| sealed.record.seq == launch.0) {
            if let Event::TaskLaunched { task } = event
                && task.id == launch.1.id
            {
                change(task);
            }
        }
        state.apply(&record);
        record.state_hash = match hashes {
            Hashes::Right => record.state_hash.map(|_| state.hash()),
            Hashes::None => None,
            Hashes::Old => record.state_hash,
        };
        let sealed = record.seal();
        tip = tip.accept(&sealed).expect("it follows");
        sealed
    };
    messages.iter().map(|records| records.iter().map(&mut seal).collect()).collect()
}

async fn said(log: &PastLog, check_every: u64) -> String {
    let mut out = Output::new(ColorWhen::Never, true);
    let found = run(log.log().as_ref(), check_every, || Ok(()), &mut out).await;
    found.map_or_else(|error| error.to_string(), |()| "it is sound".to_owned())
}

#[tokio::test]
async fn the_record_that_breaks_an_invariant_is_named_and_what_is_before_it_can_be_looked_at() {
    let messages = messages(1);
    let launch = launch_that_stays(&messages);
    let bad = launch.0;
    let mut before = State::default();
    let records = messages.iter().flatten().take_while(|sealed| sealed.record.seq < bad);
    records.for_each(|sealed| before.apply(&sealed.record));
    type Change = fn(&mut model::LaunchedTask);
    let mistakes: [(Change, Hashes, &str); 3] = [
        (|task| task.resources.cpus = Scalar::from_whole(1_000), Hashes::Right, "has cpus "),
        (|task| task.resources.ports = "1-2".parse().expect("ports"), Hashes::None, "a port that it does not have"),
        (
            |task| {
                let Workload::App { app, .. } = &mut task.workload else { panic!("all tasks are of apps") };
                *app = AppId::parse("/nowhere").expect("an app id");
            },
            Hashes::None,
            "has no definition of /nowhere",
        ),
    ];
    for (change, hashes, violation) in mistakes {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), planted(&messages, &launch, hashes, change)).await;
        let log = look(folder.path()).await;
        for check_every in [100, CHECK_EVERY] {
            let said = said(&log, check_every).await;
            assert!(
                said.starts_with(&format!("after record {bad} an invariant does not hold: ")),
                "{violation}: {said}"
            );
            assert!(said.contains(violation), "{said}");
        }
        let held = log.open_at(Seq(bad.0 - 1)).await.expect("it is there").into_state();
        assert_eq!((held.check(), held.hash()), (vec![], before.hash()));
        let broken = log.open_at(bad).await.expect("it is there").into_state();
        assert!(!broken.check().is_empty());
    }
}

#[tokio::test]
async fn the_first_state_hash_behind_a_changed_record_differs() {
    let messages = messages(1);
    let launch = launch_that_stays(&messages);
    let told = messages.iter().flatten().map(|sealed| &sealed.record);
    let first = told.filter(|record| record.state_hash.is_some()).find(|record| record.seq >= launch.0);
    let first = first.expect("hashes are recorded").seq;
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), planted(&messages, &launch, Hashes::Old, |task| task.resources.mem = Scalar::from_whole(1)))
        .await;
    let said = said(&look(folder.path()).await, CHECK_EVERY).await;
    assert!(said.starts_with(&format!("record {first}, at position ")), "{said}");
    assert!(said.contains("gives another state than the one that was recorded"), "{said}");
}
