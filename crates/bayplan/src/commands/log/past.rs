//! The past of a log that is opened where it is kept, without a master: a moment of it, or all of it. Nothing is changed.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use eventlog::{Entry, EventLog, committed};
use master::{Beginning, Moment, Past, PastError, beginning, fold_to};
use model::{Position, Record, Seq, Tip};
use snapshot::baseline;
use state::State;

use super::bar::Bar;
use super::file::Reader;
use super::fold::failed;
use super::place::{self, Opened};
use crate::cli::explain::LogSource;
use crate::cli::log::LogPlace;
use crate::cli::log_commands::Place;
use crate::failure::Failure;
use crate::node::master::LOG_FOLDER;

/// Folds a log up to a moment, or to its end.
pub(in crate::commands) async fn look_back(
    source: &LogSource,
    cluster: &str,
    moment: &Moment,
) -> Result<Past, Failure> {
    let fold = async |begin: Beginning, mut bar: Bar| {
        let going_on = |position: Position| {
            bar.at(position.0);
            ControlFlow::Continue(())
        };
        fold_to(begin, moment, going_on).await.map_err(unable)
    };
    from(source, cluster, moment, "folding", fold).await
}

/// What a replay shows.
pub(in crate::commands) enum Seen<'a> {
    /// The state with which it begins: nothing, unless the log's beginning was trimmed.
    Beginning(&'a State),
    Record(&'a Record),
}

/// Shows all that a log has, in order, until somebody has seen enough.
pub(in crate::commands) async fn replay(
    source: &LogSource,
    cluster: &str,
    mut see: impl FnMut(Seen<'_>) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    let show = async |begin: Beginning, mut bar: Bar| {
        let Beginning { state, tip, messages } = begin;
        let mut flow = see(Seen::Beginning(&state))?;
        let mut entries = committed(messages, tip);
        while flow.is_continue() {
            let Some(entry) = entries.next().await else { break };
            let Entry::Accepted { position, record, .. } = entry.map_err(failed)? else { continue };
            flow = see(Seen::Record(&record.record))?;
            bar.at(position.0);
        }
        Ok(())
    };
    from(source, cluster, &Moment::After(Seq(0)), "replaying", show).await
}

/// Opens a log, finds where to begin for a moment, and works on it from there.
async fn from<T>(
    source: &LogSource,
    cluster: &str,
    moment: &Moment,
    what: &str,
    work: impl AsyncFnOnce(Beginning, Bar) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (dir, log) = match source {
        LogSource::Path(file) if file.is_file() => return work(of_file(file)?, Bar::new(what, 0)).await,
        LogSource::Path(folder) if folder.join(LOG_FOLDER).is_dir() => (Some(folder.clone()), LogPlace::Folder),
        LogSource::Path(path) => {
            let path = path.display();
            return Err(Failure::NotFound(format!(
                "{path} is no folder of a master with a log in it, and no file of `bayplan log export`"
            )));
        }
        LogSource::Place(place) => (None, place.clone()),
    };
    match place::existing(&Place { dir, log, cluster: cluster.to_owned() }).await? {
        Opened::Folder(log) => {
            let done = on(&log, moment, what, work).await;
            log.close().await;
            done
        }
        Opened::Nats(log) => on(&log, moment, what, work).await,
    }
}

async fn on<L: EventLog, T>(
    log: &L,
    moment: &Moment,
    what: &str,
    work: impl AsyncFnOnce(Beginning, Bar) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let last = log.bounds().await.map_err(failed)?.last;
    let begin = beginning(log, moment, false).await.map_err(unable)?;
    work(begin, Bar::new(what, last.0)).await
}

fn of_file(file: &Path) -> Result<Beginning, Failure> {
    let (reader, bytes) = Reader::open(file)?;
    let loaded = bytes.map(|bytes| baseline::decode(&bytes)).transpose();
    let loaded = loaded.with_context(|| file.display().to_string())?;
    let (state, tip) = loaded.map_or((State::default(), Tip::default()), |loaded| (loaded.state, loaded.mark.tip));
    Ok(Beginning { state, tip, messages: reader.messages() })
}

fn unable(error: PastError) -> Failure {
    match error {
        PastError::Trimmed { .. } | PastError::NotLaunched { .. } | PastError::Ahead { .. } => {
            Failure::NotFound(error.to_string())
        }
        _ => failed(error),
    }
}
