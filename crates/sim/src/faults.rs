//! The kinds of trouble that a history may have, and how often each really came.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Fault {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does, in a line.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii_start(),)* }
            }
        }
    };
}

faults! {
    /// A message takes up to some seconds.
    Delay = "delay",
    /// A request or its answer is lost; whoever waits finds out by a time-out or a broken connection.
    Loss = "loss",
    /// A report of an agent arrives twice.
    Duplication = "duplication",
    /// Messages overtake one another.
    Reordering = "reordering",
    /// Some nodes cannot reach others for a while, in one direction or in both.
    Partition = "partition",
    /// An agent's connection to its master breaks.
    Hangup = "hangup",
    /// The log takes its time with an append.
    SlowLog = "slow-log",
    /// An append is written, or is not, and its writer is told neither.
    AmbiguousAppend = "ambiguous-append",
    /// An append arrives long after its writer was told that nothing is known of it, or after the writer has died.
    LateAppend = "late-append",
    /// An append of a leader that was deposed loses on its way what it expects of the log's end, and is written.
    LostExpectation = "lost-expectation",
    /// An append arrives a second time.
    RepeatedAppend = "repeated-append",
    /// The log can neither be read nor written for a while.
    LogUnavailable = "log-unavailable",
    /// The log's disk is full for a while.
    LogFull = "log-full",
    /// The log's servers lose power; with what was not acknowledged anything may happen.
    LogCrash = "log-crash",
    /// A master is killed, and started again later.
    MasterCrash = "master-crash",
    /// An agent is killed, with loss of what it had not synced; its tasks run on.
    AgentCrash = "agent-crash",
    /// An agent's machine loses power, and its tasks with it.
    Reboot = "reboot",
    /// An agent's disk is lost, so that a new agent comes in its place.
    DiskLoss = "disk-loss",
    /// An agent's disk takes its time.
    SlowDisk = "slow-disk",
    /// An agent's disk refuses a write, and may have kept a part of it.
    DiskError = "disk-error",
    /// The wall clocks of nodes differ, and drift.
    ClockSkew = "clock-skew",
    /// A wall clock jumps, forward or back.
    ClockStep = "clock-step",
    /// A task cannot be started, or takes long to start.
    LaunchTrouble = "launch-trouble",
    /// The log takes small messages only, so that many a record goes out in parts.
    SmallMessages = "small-messages",
}

impl std::str::FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|fault| fault.name() == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|fault| fault.name()).collect();
            format!("'{name}' is no kind of fault; there are all, none, {}", known.join(", "))
        })
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(BTreeSet<Fault>);

impl Faults {
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    pub fn iter(&self) -> impl Iterator<Item = Fault> {
        self.0.iter().copied()
    }

    #[must_use]
    pub fn without(&self, fault: Fault) -> Self {
        self.iter().filter(|other| *other != fault).collect()
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<&str> = self.iter().map(Fault::name).collect();
        f.write_str(&names.join(","))
    }
}

/// How often each kind really came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    pub times: BTreeMap<Fault, u64>,
    /// In how many histories it came at all.
    pub histories: BTreeMap<Fault, u64>,
}

impl Coverage {
    pub(crate) fn count(&mut self, fault: Fault) {
        *self.times.entry(fault).or_default() += 1;
        self.histories.insert(fault, 1);
    }

    pub fn add(&mut self, other: &Self) {
        for (fault, times) in &other.times {
            *self.times.entry(*fault).or_default() += times;
        }
        for (fault, histories) in &other.histories {
            *self.histories.entry(*fault).or_default() += histories;
        }
    }
}
