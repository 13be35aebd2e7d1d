//! Constraints: which texts of a field an instance may land on.
//!
//! Whatever its operator, a constraint comes down to a set of allowed texts of one field, so a scan needs one look-up
//! per agent. The set of some operators changes with each placement of the app.

mod groups;
mod rule;
mod texts;

use model::Constraint;

use crate::columns::{Columns, LANES};
use crate::fields::{ABSENT, Field};
use groups::{Counts, Groups};
use rule::{Fixed, Following, Rule};
use texts::TextSet;

pub use rule::{ConstraintError, PATTERN_SIZE_LIMIT, validate_constraint};
pub(crate) use texts::Matched;

/// Whether a constraint depends on the agent alone, and on no placement.
pub(crate) fn is_static(constraint: &Constraint) -> bool {
    matches!(Rule::of(constraint), Ok(Rule::Fixed(_)))
}

/// Whether a text is among those that a constraint names.
pub type IsNamed<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// Which texts of its field a constraint names: `UNLIKE` those that it does not allow, the others those that they do. None when
/// that depends on where instances are, and when it makes no sense.
#[must_use]
pub fn named_texts(constraint: &Constraint) -> Option<IsNamed<'_>> {
    match Rule::of(constraint).ok()? {
        Rule::Fixed(Fixed::Only(value)) => Some(Box::new(move |text| text == value)),
        Rule::Fixed(Fixed::Like(pattern) | Fixed::Unlike(pattern)) => {
            let regex = rule::compile(pattern).ok()?;
            Some(Box::new(move |text| regex.is_match(text)))
        }
        Rule::Fixed(Fixed::Is { text: wanted, number }) => {
            Some(Box::new(move |text| text == wanted || Some(text) == number.as_deref()))
        }
        Rule::Following(_) => None,
    }
}

/// A constraint against the agents' fields as they are.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    /// None when no agent has the field.
    field: Option<usize>,
    /// What is allowed now; [`ABSENT`] stands for agents without the field.
    allowed: TextSet,
    /// None when where the app has instances does not matter.
    follower: Option<Follower>,
}

/// What changes with the instances of the app.
#[derive(Debug, Clone)]
enum Follower {
    Unique,
    Together,
    MaxPer { most: u32, counts: Counts },
    GroupBy(Groups),
}

impl Test {
    /// `own` are the rows of the app's instances; it is asked for only when the constraint depends on them.
    pub(crate) fn new<'a>(
        constraint: &Constraint,
        columns: &Columns,
        matched: &mut Matched,
        own: impl FnOnce() -> &'a [(u32, u32)],
    ) -> Self {
        let nowhere = Self { field: None, allowed: TextSet::none(0), follower: None };
        // What makes no sense was refused long before it could reach the log.
        let Ok(rule) = Rule::of(constraint) else { return nowhere };
        let Some((index, field)) = columns.fields.by_name(&constraint.field) else {
            let mut test = nowhere;
            if matches!(rule, Rule::Fixed(Fixed::Unlike(_))) {
                test.allowed.insert(ABSENT);
            }
            return test;
        };
        match rule {
            Rule::Fixed(rule) => {
                let allowed = allowed_for_ever(&rule, field, &constraint.field, matched);
                Self { field: Some(index), allowed, follower: None }
            }
            Rule::Following(rule) => Self::following(rule, index, columns, own()),
        }
    }

    fn following(rule: Following, index: usize, columns: &Columns, own: &[(u32, u32)]) -> Self {
        let field = columns.fields.at(index);
        let own = own.iter().map(|(row, instances)| (field.column()[*row as usize], *instances));
        let mut counts = Counts::none(field.texts().len());
        let follower = match rule {
            Following::GroupBy { least } => {
                for (number, instances) in own.filter(|(number, _)| *number != ABSENT) {
                    counts.add(number, instances);
                }
                let groups = Groups::new(counts, least, || seen(field, columns));
                let allowed = groups.allowed();
                return Self { field: Some(index), allowed, follower: Some(Follower::GroupBy(groups)) };
            }
            Following::MaxPer(most) => Follower::MaxPer { most, counts },
            Following::Unique => Follower::Unique,
            Following::Together => Follower::Together,
        };
        let all = TextSet::of(field, |_| true);
        let mut test = Self { field: Some(index), allowed: all, follower: Some(follower) };
        own.for_each(|(number, instances)| test.stand_on(number, instances));
        test
    }

    /// Whether it depends on the agent alone. Another test changes with each placement of the app.
    pub(crate) const fn is_static(&self) -> bool {
        self.follower.is_none()
    }

    /// An instance of the app stands on this row.
    pub(crate) fn follow(&mut self, columns: &Columns, row: usize) {
        if let Some(field) = self.field.filter(|_| !self.is_static()) {
            self.stand_on(columns.fields.at(field).column()[row], 1);
        }
    }

    fn stand_on(&mut self, number: u32, instances: u32) {
        let Self { allowed, follower: Some(follower), .. } = self else { return };
        match follower {
            // An instance on an agent without the field has no text that another could share.
            Follower::Together if number == ABSENT => allowed.clear(),
            _ if number == ABSENT => {}
            Follower::Together => allowed.keep_only(number),
            Follower::Unique => allowed.remove(number),
            Follower::MaxPer { most, counts } => {
                if counts.add(number, instances) >= *most {
                    allowed.remove(number);
                }
            }
            Follower::GroupBy(groups) => groups.follow(number, allowed),
        }
    }

    /// Whether the agent of one row passes.
    pub(crate) fn passes(&self, columns: &Columns, row: usize) -> bool {
        let number = self.field.map_or(ABSENT, |field| columns.fields.at(field).column()[row]);
        self.allowed.contains(number)
    }

    /// Rules out those of `LANES` rows, from `start` on, that fail.
    pub(crate) fn narrow(&self, columns: &Columns, start: usize, ok: &mut [i32; LANES]) {
        let Some(field) = self.field else {
            if !self.allowed.contains(ABSENT) {
                ok.fill(0);
            }
            return;
        };
        let numbers = &columns.fields.at(field).column()[start..];
        for (ok, number) in ok.iter_mut().zip(numbers) {
            *ok &= -i32::from(self.allowed.contains(*number));
        }
    }

    /// The same without what it would like best; None when it has no such wish.
    fn without_wishes(&self) -> Option<Self> {
        let Some(Follower::GroupBy(groups)) = &self.follower else { return None };
        let groups = groups.without_wishes()?;
        Some(Self { field: self.field, allowed: groups.allowed(), follower: Some(Follower::GroupBy(groups)) })
    }
}

/// What is left of the tests when nobody passes them: they without their wishes. None when they had none, and it stays
/// at that.
pub(crate) fn without_wishes(tests: &[Test]) -> Option<Vec<Test>> {
    let lesser: Vec<Option<Test>> = tests.iter().map(Test::without_wishes).collect();
    let has_any = lesser.iter().any(Option::is_some);
    has_any
        .then(|| lesser.into_iter().zip(tests).map(|(lesser, test)| lesser.unwrap_or_else(|| test.clone())).collect())
}

fn allowed_for_ever(rule: &Fixed<'_>, field: &Field, name: &str, matched: &mut Matched) -> TextSet {
    let texts = field.texts().len();
    match rule {
        Fixed::Like(pattern) => matched.texts(field, name, pattern).unwrap_or_else(|| TextSet::none(texts)),
        Fixed::Unlike(pattern) => {
            let like = matched.texts(field, name, pattern);
            like.map_or_else(|| TextSet::none(texts), |like| like.complement(texts))
        }
        Fixed::Only(value) => TextSet::of(field, |text| text == *value),
        Fixed::Is { text, number } => TextSet::of(field, |own| own == *text || Some(own) == number.as_deref()),
    }
}

/// The texts of agents that could be chosen. A field also knows those of agents that are away or gone.
fn seen(field: &Field, columns: &Columns) -> TextSet {
    let mut seen = TextSet::none(field.texts().len());
    for row in columns.live_rows().filter(|row| columns.is_active(*row)) {
        let number = field.column()[row];
        if number != ABSENT {
            seen.insert(number);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use model::ConstraintOperator::{Cluster, GroupBy, Is, Like, MaxPer, Unique, Unlike};
    use model::{AgentDescription, AgentId, AttributeValue, Event, Resources};

    use super::*;
    use crate::View;

    /// Two agents on rack r1, one on r2, and one without a rack.
    fn racks() -> View {
        let mut view = View::new();
        for (agent, rack) in (0..).zip([Some("r1"), Some("r2"), Some("r1"), None]) {
            let rack = rack.map(|rack| ("rack".to_owned(), AttributeValue::Text(rack.to_owned())));
            let description = AgentDescription {
                hostname: format!("h{agent}"),
                resources: Resources::default(),
                attributes: rack.into_iter().collect(),
                address: String::new(),
                containerizers: Vec::new(),
            };
            view.apply(&Event::AgentRegistered { agent: AgentId(agent), description });
        }
        view
    }

    fn passing(columns: &Columns, test: &Test) -> [bool; 4] {
        let mut ok = [-1; LANES];
        test.narrow(columns, 0, &mut ok);
        let one_by_one = std::array::from_fn(|row| test.passes(columns, row));
        assert_eq!(one_by_one, std::array::from_fn(|row| ok[row] != 0), "a row is judged as in its block");
        one_by_one
    }

    /// Before there is an instance, and when there are some on agents 0 and 3.
    #[test]
    fn tests_say_whether_they_follow_placements() {
        let view = racks();
        for (operator, value, is_static, before, after) in [
            (Like, Some("r1"), true, [true, false, true, false], [true, false, true, false]),
            (Unlike, Some("r1"), true, [false, true, false, true], [false, true, false, true]),
            (Is, Some("r1"), true, [true, false, true, false], [true, false, true, false]),
            (Cluster, Some("r2"), true, [false, true, false, false], [false, true, false, false]),
            (Cluster, None, false, [true, true, true, false], [false; 4]),
            (Unique, None, false, [true, true, true, false], [false, true, false, false]),
            (MaxPer, Some("1"), false, [true, true, true, false], [false, true, false, false]),
            (MaxPer, Some("2"), false, [true, true, true, false], [true, true, true, false]),
            (GroupBy, None, false, [true, true, true, false], [false, true, false, false]),
            (GroupBy, Some("1"), false, [true, true, true, false], [true, true, true, false]),
            (GroupBy, Some("2"), false, [true, true, true, false], [false, true, false, false]),
        ] {
            let constraint = Constraint { field: "rack".to_owned(), operator, value: value.map(str::to_owned) };
            let mut test = Test::new(&constraint, &view.columns, &mut Matched::default(), || &[]);
            assert_eq!(test.is_static(), is_static, "{constraint}");
            assert_eq!(passing(&view.columns, &test), before, "{constraint}");
            let later = Test::new(&constraint, &view.columns, &mut Matched::default(), || &[(0, 1), (3, 1)]);
            assert_eq!(passing(&view.columns, &later), after, "{constraint}");
            [0, 3].into_iter().for_each(|row| test.follow(&view.columns, row));
            assert_eq!(passing(&view.columns, &test), after, "{constraint}, one placement after the other");
        }
    }

    #[test]
    fn only_unlike_lets_agents_pass_when_none_has_the_field() {
        let view = racks();
        for operator in model::ConstraintOperator::ALL {
            let value = (operator != Unique).then(|| "1".to_owned());
            let constraint = Constraint { field: "floor".to_owned(), operator, value };
            let test = Test::new(&constraint, &view.columns, &mut Matched::default(), || &[]);
            assert_eq!(passing(&view.columns, &test), [operator == Unlike; 4], "{constraint}");
        }
    }
}
