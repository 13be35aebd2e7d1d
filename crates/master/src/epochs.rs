//! Epochs that pass without a leader, so that a log which was put back counts as newer than what was seen before.

use eventlog::{EventLog, message_bytes};
use model::{Epoch, SealedRecord, Seq, Tip};
use scheduler::World;

use crate::config::Config;
use crate::folding::fold;
use crate::node::begin_epoch;
use crate::recovery::StartError;

/// Begins and ends `count` epochs behind the end of the log, and gives the last one, and its record. Nobody else may write
/// meanwhile. Agents obey whoever leads the newest epoch that they have heard of.
pub async fn pass_epochs<L: EventLog>(log: &L, config: &Config, count: u64) -> Result<(Epoch, Seq), StartError> {
    let folded = fold(log, &Config { snapshot: None, ..config.clone() }).await?;
    let (mut world, mut tip, mut position) = (World::of(folded.state), folded.tip, folded.position);
    let mut batch: Vec<SealedRecord> = Vec::new();
    for number in 1..=count {
        let sealed = begin_epoch(&world, tip, config)?;
        world.apply(&sealed.record);
        tip = Tip { seq: sealed.record.seq, epoch: sealed.record.epoch, hash: sealed.hash };
        batch.push(sealed);
        if number == count || message_bytes(&batch) >= log.max_message_bytes() / 2 {
            position = log.append(Some(position), std::mem::take(&mut batch).into()).await?;
        }
    }
    Ok((tip.epoch, tip.seq))
}
