//! Instances whose best packing is known, and what packers make of them and of any others.

use placement::{POLICIES, by_name};
use proptest::prelude::*;
use trace::{
    Amounts, Choice, Family, Grain, Packing, Planted, Size, fill_fullest, fill_in_turn, largest_first, place_in_order,
    repack,
};

/// So many looks are enough for what is asked here, and take a debug build a second or two.
const LOOKS: u64 = 500_000_000;
const FEW_LOOKS: u64 = 100_000;

fn all_packings(planted: &Planted) -> Vec<(String, Packing)> {
    let mut packings = Vec::new();
    for size in [Size::Max, Size::Sum, Size::SumOfSquares] {
        let order = largest_first(planted, size);
        for (name, _) in POLICIES {
            let policy = by_name(name).expect("a policy");
            packings.push((format!("{name} by {size:?}"), place_in_order(planted, &order, policy.as_ref())));
        }
    }
    for choice in [Choice::DotProduct, Choice::NormGreedy] {
        packings.push((format!("{choice:?}"), fill_in_turn(planted, choice)));
    }
    let fullest = fill_fullest(planted);
    packings.push(("repacked".to_owned(), repack(planted, fullest.clone(), FEW_LOOKS)));
    packings.push(("fullest".to_owned(), fullest));
    packings
}

fn family() -> impl Strategy<Value = Family> {
    proptest::sample::select(Family::ALL.to_vec())
}

/// Items of any size up to a bin's, some of nothing at all.
fn any_items() -> impl Strategy<Value = Planted> {
    let item = (0..=8_i64, 0..=32_i64, 0..=5_i64, 0..=4_i64);
    proptest::collection::vec(item, 0..40).prop_map(|items| Planted {
        capacity: [8_000, 32_000, 5_000, 4_000],
        items: items
            .into_iter()
            .map(|(cpus, mem, disk, gpus)| [cpus, mem, disk, gpus].map(|whole| whole * 1_000))
            .collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_bin_that_an_instance_was_made_from_is_full(
        seed: u64, family in family(), dimensions in 1..=4_usize, bins in 0..40_usize, is_fine: bool,
    ) {
        let grain = if is_fine { Grain::Fine } else { Grain::Coarse };
        let (planted, answer) = Planted::draw_with_answer(seed, family, grain, dimensions, bins);
        prop_assert_eq!(answer.bins.len(), bins);
        prop_assert_eq!(answer.check(&planted), Vec::<String>::new());
        for items in &answer.bins {
            let mut total = Amounts::default();
            items.iter().for_each(|item| total.iter_mut().zip(planted.items[*item]).for_each(|(sum, one)| *sum += one));
            prop_assert_eq!(total, planted.capacity);
        }
        prop_assert!(planted.items.iter().flatten().all(|amount| *amount >= 0));
        prop_assert_eq!(planted.capacity.iter().filter(|capacity| **capacity > 0).count(), dimensions);
        prop_assert_eq!(planted.lower_bound(), bins);
        prop_assert_eq!(&planted, &Planted::draw(seed, family, grain, dimensions, bins));
    }

    #[test]
    fn no_packer_overfills_a_bin_loses_an_item_or_beats_the_bound(
        seed: u64, family in family(), dimensions in 1..=4_usize, bins in 1..8_usize, others in any_items(),
    ) {
        for planted in [Planted::draw(seed, family, Grain::Coarse, dimensions, bins), others] {
            for (packer, packing) in all_packings(&planted) {
                prop_assert_eq!(packing.check(&planted), Vec::<String>::new(), "{}", packer);
                prop_assert!(packing.bins.len() >= planted.lower_bound(), "{}", packer);
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_packing_is_said() {
    let planted = Planted { capacity: [2, 0, 0, 0], items: vec![[1, 0, 0, 0], [2, 0, 0, 0], [1, 0, 0, 0]] };
    let said = |bins: &[&[usize]]| Packing { bins: bins.iter().map(|bin| bin.to_vec()).collect() }.check(&planted);
    assert!(said(&[&[0, 2], &[1]]).is_empty());
    assert_eq!(said(&[&[0, 1], &[2]]), ["bin 0 has [-1, 0, 0, 0] left"]);
    assert_eq!(said(&[&[0, 2], &[]]), ["bin 1 is empty", "item 1 is in 0 bins"]);
    assert_eq!(said(&[&[0, 2], &[1], &[2]]), ["item 2 is in 2 bins"]);
}

/// The engine, held against a loop that anybody would write.
#[test]
fn items_go_where_the_policy_places_them_and_open_a_bin_when_they_fit_nowhere() {
    let planted = Planted::draw(1, Family::Mixed, Grain::Coarse, 4, 20);
    let order = largest_first(&planted, Size::Sum);
    let mut frees: Vec<Amounts> = Vec::new();
    let mut expected = Packing::default();
    for item in &order {
        let asked = planted.items[*item];
        let has_room = |free: &Amounts| free.iter().zip(asked).all(|(free, asked)| *free >= asked);
        let bin = frees.iter().position(has_room).unwrap_or_else(|| {
            frees.push(planted.capacity);
            expected.bins.push(Vec::new());
            frees.len() - 1
        });
        frees[bin].iter_mut().zip(asked).for_each(|(free, asked)| *free -= asked);
        expected.bins[bin].push(*item);
    }
    let first_fit = by_name("first-fit").expect("a policy");
    assert_eq!(place_in_order(&planted, &order, first_fit.as_ref()), expected);
}

/// With ten bins that is the optimum itself: one more is ten percent.
#[test]
fn in_two_dimensions_the_best_packer_stays_within_4_percent_of_the_optimum() {
    for family in Family::ALL {
        for (optimum, seeds) in [(10, 0..3), (25, 0..3), (100, 0..1), (300, 0..1)] {
            for seed in seeds {
                let planted = Planted::draw(seed, family, Grain::Coarse, 2, optimum);
                let fullest = fill_fullest(&planted);
                let limit = optimum * 104 / 100;
                let packing = if fullest.bins.len() > limit { repack(&planted, fullest, LOOKS) } else { fullest };
                assert!(packing.check(&planted).is_empty());
                let used = packing.bins.len();
                assert!(used <= limit, "{} with seed {seed}: {used} bins, not {optimum}", family.name());
            }
        }
    }
}
