//! Bugs that can be planted, to see that the simulator finds them. Each is where its behaviour is: in an agent, in a master,
//! or in the simulated log and disks, which then do not keep what they promise.

macro_rules! plants {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Plant {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Plant {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What is wrong then, in a line.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii_start(),)* }
            }
        }
    };
}

plants! {
    /// A master shows and answers what is not durable yet.
    EffectBeforeAck = "effect-before-ack",
    /// The log takes an append wherever its end is, so that a deposed leader may go on writing.
    FenceOff = "fence-off",
    /// A master that follows takes every record in the log for one that counts.
    RuleOff = "rule-off",
    /// An agent starts a task again that it started before and does not see.
    DoubleLaunch = "double-launch",
    /// The log acknowledges what it has not synced.
    LostLogWrite = "lost-log-write",
    /// An agent's disk says that it has synced when it has not.
    LostJournalWrite = "lost-journal-write",
    /// An agent obeys desired lists however old they are.
    StaleList = "stale-list",
    /// An agent starts tasks in the order of a hash table.
    HashOrder = "hash-order",
}

impl std::str::FromStr for Plant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|plant| plant.name() == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|plant| plant.name()).collect();
            format!("'{name}' is no bug that can be planted; there are {}", known.join(", "))
        })
    }
}
