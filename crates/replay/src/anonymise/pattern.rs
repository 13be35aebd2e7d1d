//! Regular expressions for sets of pseudonyms, which are a word and a number of so many digits.

/// An expression for these numbers, of so many digits each, sorted; none for no number.
pub(super) fn of_numbers(prefix: &str, digits: u32, numbers: &[usize]) -> Option<String> {
    (!numbers.is_empty()).then(|| format!("{prefix}-{}", of_digits(digits, numbers)))
}

/// Numbers that begin with different digits and go on in the same way share one expression, so that long lists of hosts stay
/// small expressions.
fn of_digits(digits: u32, numbers: &[usize]) -> String {
    let Some(rest) = digits.checked_sub(1) else { return String::new() };
    let scale = 10_usize.pow(rest);
    let mut ways: Vec<(String, String)> = Vec::new();
    for same in numbers.chunk_by(|one, other| one / scale == other / scale) {
        let later: Vec<usize> = same.iter().map(|number| number % scale).collect();
        let (digit, later) = ((same[0] / scale).to_string(), of_digits(rest, &later));
        match ways.iter_mut().find(|(_, known)| *known == later) {
            Some((first, _)) => first.push_str(&digit),
            None => ways.push((digit, later)),
        }
    }
    let told: Vec<String> = ways.iter().map(|(first, later)| format!("{}{later}", one_of(first))).collect();
    if told.len() == 1 { told.concat() } else { format!("({})", told.join("|")) }
}

fn one_of(digits: &str) -> String {
    match digits.len() {
        1 => digits.to_owned(),
        10 => "[0-9]".to_owned(),
        _ => format!("[{digits}]"),
    }
}

#[cfg(test)]
mod tests {
    use model::{Constraint, ConstraintOperator};
    use placement::{named_texts, validate_constraint};

    use super::*;

    #[test]
    fn an_expression_matches_its_numbers_and_no_others() {
        assert_eq!(of_numbers("host", 2, &[]), None);
        assert_eq!(of_numbers("host", 1, &[7]).as_deref(), Some("host-7"));
        assert_eq!(of_numbers("host", 2, &[1, 3, 11, 13, 20]).as_deref(), Some("host-([01][13]|20)"));
        let every_third: Vec<usize> = (0..1_000).step_by(3).collect();
        let value = of_numbers("host", 3, &every_third);
        let like = Constraint { field: "hostname".to_owned(), operator: ConstraintOperator::Like, value };
        let is_named = named_texts(&like).expect("an expression");
        for number in 0..1_000 {
            assert_eq!(is_named(&format!("host-{number:03}")), number % 3 == 0, "{number}");
        }
    }

    #[test]
    fn a_hundred_thousand_hosts_are_not_too_many() {
        let numbers: Vec<usize> = (0..100_000).filter(|number| number * number % 7 < 3).collect();
        let value = of_numbers("host", 5, &numbers);
        let like = Constraint { field: "hostname".to_owned(), operator: ConstraintOperator::Like, value };
        validate_constraint(&like).expect("it is small enough");
    }
}
