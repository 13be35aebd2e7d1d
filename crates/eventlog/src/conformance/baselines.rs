//! What every provider promises of baselines.

use bytes::Bytes;
use model::{Position, Seq};

use super::{Chain, Place, append_all, batches_of};
use crate::{Baseline, BaselineError, Bounds, EventLog};

async fn put_baseline(log: &impl EventLog, seq: u64, position: u64, text: &'static str) -> Baseline {
    log.put_baseline(Seq(seq), Position(position), Bytes::from(text)).await.expect("it is kept")
}

pub async fn baselines_are_kept_whole(place: &impl Place) {
    let log = place.open().await;
    assert_eq!(log.baselines().await, Ok(Vec::new()));
    let mut chain = Chain::default();
    append_all(&log, &batches_of(&mut chain, &[&[1], &[1], &[1]])).await;
    // The numbers have different lengths, so that they are not in the order of their digits.
    let second = put_baseline(&log, 10, 3, "as of ten").await;
    let first = put_baseline(&log, 9, 2, "as of nine").await;
    assert_eq!((first.seq, first.position, first.bytes), (Seq(9), Position(2), 10));
    assert_eq!(put_baseline(&log, 9, 2, "as of nine").await, first, "the same one twice is one");
    assert_eq!(log.baselines().await, Ok(vec![first.clone(), second.clone()]));
    place.close(log).await;

    let log = place.open().await;
    assert_eq!(log.baselines().await, Ok(vec![first.clone(), second.clone()]));
    assert_eq!(log.read_baseline(&second).await, Ok(b"as of ten".to_vec()));
    let never = Baseline { hash: first.hash, ..second.clone() };
    assert_eq!(log.read_baseline(&never).await, Err(BaselineError::Missing { seq: Seq(10) }));
    log.remove_baseline(&first).await.expect("it goes");
    log.remove_baseline(&first).await.expect("it may be gone already");
    assert_eq!(log.read_baseline(&first).await, Err(BaselineError::Missing { seq: Seq(9) }));
    assert_eq!(log.baselines().await, Ok(vec![second.clone()]));
    log.trim(Position(2)).await.expect("trims");
    assert_eq!(
        log.bounds().await,
        Ok(Bounds { first: Position(3), last: Position(3) }),
        "messages are apart from them"
    );
    assert_eq!(log.read_baseline(&second).await, Ok(b"as of ten".to_vec()));
    place.close(log).await;
}

pub async fn a_large_baseline_is_kept_and_the_size_is_told(place: &impl Place) {
    let log = place.open().await;
    let bytes: Vec<u8> =
        (0..1_300_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let kept = log.put_baseline(Seq(1), Position(1), Bytes::from(bytes.clone())).await.expect("it is kept");
    assert_eq!(kept, Baseline::of(Seq(1), Position(1), &bytes));
    assert!(log.read_baseline(&kept).await.as_ref() == Ok(&bytes), "it is what was written");
    let mut chain = Chain::default();
    append_all(&log, &batches_of(&mut chain, &[&[200_000], &[200_000]])).await;
    let size = log.size_bytes().await.expect("it is told");
    assert!((400_000..4_000_000).contains(&size), "{size}");
    place.close(log).await;
}
