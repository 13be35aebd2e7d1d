//! Finding a record, whatever void messages and parts lie around it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Position, Seq, Tip};

use super::parts::{append_parts, parts_of};
use super::{Chain, Place, append_all};
use crate::{EventLog, committed, seek};

/// Leaders come and go; a fenced one leaves a void message behind now and then.
pub async fn records_are_found_by_their_number(place: &impl Place) {
    let log = place.open().await;
    let empty = seek(&log, Seq(5)).await.expect("seeks");
    assert_eq!((empty.position, empty.tip), (Position(1), Tip::default()));
    let mut chain = Chain::default();
    let mut fenced = Chain::default();
    let mut places = Vec::new();
    for number in 0..120_u64 {
        if number % 30 == 0 {
            fenced = chain;
            let start = [chain.start()];
            let position = append_all(&log, &[Arc::from(start)]).await;
            places.push((chain.tip.seq, position));
        }
        if fenced.tip.seq.0 > 0 && number % 30 == 5 {
            // Some come late, some are far ahead in number.
            append_all(&log, &[fenced.batch(&vec![1; if number < 60 { 1 } else { 90 }])]).await;
        }
        let batch = chain.batch(&vec![2; 1 + number as usize % 3]);
        let seqs: Vec<_> = batch.iter().map(|sealed| sealed.record.seq).collect();
        let position = append_all(&log, &[batch]).await;
        places.extend(seqs.into_iter().map(|seq| (seq, position)));
    }
    assert_found(&log, &places, chain.tip).await;
    place.close(log).await;
}

/// Some records are in more parts than neighbours are looked at, and some leaders do not get through with theirs.
pub async fn records_in_parts_are_found_by_their_number(place: &impl Place) {
    let log = place.open().await;
    let mut chain = Chain::default();
    let mut places = Vec::new();
    for number in 0..40_usize {
        if number % 10 == 0 {
            let position = append_all(&log, &[Arc::from([chain.start()])]).await;
            places.push((chain.tip.seq, position));
        }
        let mut unfinished = chain;
        match number % 5 {
            0 => {
                let (first, _) = append_parts(&log, &chain.record(20_000), 10 + number).await;
                places.push((chain.tip.seq, first));
            }
            1 if number > 20 => {
                let (first, _) = append_parts(&log, &chain.record(20_000), 64).await;
                places.push((chain.tip.seq, first));
            }
            3 => {
                let left = unfinished.record(20_000);
                let mut parts = parts_of(&left, 40);
                parts.truncate((1 + number).min(parts.len() - 1));
                for part in parts {
                    log.append(None, part.into()).await.expect("an append succeeds");
                }
                let position = append_all(&log, &[Arc::from([chain.start()])]).await;
                places.push((chain.tip.seq, position));
            }
            _ => {
                let position = append_all(&log, &[chain.batch(&[1])]).await;
                places.push((chain.tip.seq, position));
            }
        }
    }
    assert_found(&log, &places, chain.tip).await;
    // The log begins in the middle of a record, and then with the last part of it.
    let (seq, first) = *places.iter().find(|(seq, _)| seq.0 == 2).expect("the second record is in parts");
    let end = log.bounds().await.expect("readable").last;
    for upto in [first.0 + 2, first.0 + 8] {
        log.trim(Position(upto)).await.expect("trims");
        let left: Vec<_> = places.iter().copied().filter(|(_, position)| position.0 > upto).collect();
        assert_found(&log, &left, chain.tip).await;
        let anchor = seek(&log, seq).await.expect("seeks");
        assert!(anchor.position.0 > upto && anchor.tip.seq >= seq && anchor.position < end, "{anchor:?}");
        assert_eq!(tip_behind(&log, anchor.position, anchor.tip).await, chain.tip);
    }
    place.close(log).await;
}

async fn tip_behind(log: &impl EventLog, position: Position, tip: Tip) -> Tip {
    let mut records = committed(log.read(position), tip);
    while records.next().await.transpose().expect("the anchor fits what follows").is_some() {}
    records.tip()
}

async fn assert_found(log: &impl EventLog, places: &[(Seq, Position)], tip: Tip) {
    let positions: BTreeSet<_> = places.iter().map(|(_, position)| *position).collect();
    for (seq, position) in places {
        let anchor = seek(log, *seq).await.expect("seeks");
        assert_eq!(anchor.position, *position, "record {seq}");
        assert_eq!(tip_behind(log, anchor.position, anchor.tip).await, tip);
    }
    let last = positions.last().copied();
    assert_eq!(seek(log, Seq(9999)).await.map(|anchor| anchor.position).ok(), last);
}
