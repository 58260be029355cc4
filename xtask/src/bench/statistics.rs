// SPDX-License-Identifier: Apache-2.0
//! Medians and percentiles of what was measured, and a figure's name with its value.

use std::collections::BTreeMap;

/// Figures by name; the name ends with the unit.
pub type Figures = BTreeMap<String, f64>;

/// The value below which `percent` of them lie (nearest rank), or None of none.
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The one in the middle; of an even number the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (0, Some(upper)) => Some((sorted[middle - 1] + upper) / 2.0),
        (_, found) => found.copied(),
    }
}

/// What is not to happen in any round: a median would hide that it did in one.
const FAULTS: [&str; 3] = ["frames_lost", "frames_broken", "frames_late"];

/// Each figure's median over the rounds that have it; of faults the most.
pub fn medians(rounds: &[Figures]) -> Figures {
    let names = rounds.iter().flat_map(BTreeMap::keys);
    let of = |name: &String| {
        let values: Vec<f64> = rounds.iter().filter_map(|round| round.get(name).copied()).collect();
        let of_all = if FAULTS.contains(&name.as_str()) { percentile(&values, 100.0) } else { median(&values) };
        of_all.map(|value| (name.clone(), value))
    };
    names.filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let at = |percent| percentile(&values, percent);
        assert_eq!((at(0.0), at(50.0), at(99.0), at(100.0)), (Some(1.0), Some(100.0), Some(198.0), Some(200.0)));
        assert_eq!((percentile(&[], 50.0), percentile(&[7.0], 99.0)), (None, Some(7.0)));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 3.0, 2.0])), (Some(2.0), Some(2.5)));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_figure_that_a_round_lacks_is_that_of_the_others() {
        let round = |figures: &[(&str, f64)]| figures.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        let rounds = [round(&[("a", 1.0)]), round(&[("a", 3.0), ("b", 5.0)]), round(&[("a", 2.0)])];
        assert_eq!(medians(&rounds), round(&[("a", 2.0), ("b", 5.0)]));
    }

    #[test]
    fn a_frame_lost_in_one_round_is_told() {
        let rounds = [0.0, 3.0, 0.0].map(|lost| Figures::from([("frames_lost".to_owned(), lost)]));
        assert_eq!(medians(&rounds)["frames_lost"], 3.0);
    }
}
