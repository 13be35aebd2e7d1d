//! What is otherwise in a fork: what decides, and which agents there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, CommandKind, ModuleBytes, PortRanges, Profile, RemovalReason, Resources, Scalar,
};
use state::State;

/// Nothing, unless something is said.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What decides where no app and no role has chosen for itself; choices for the cluster that the log makes count no more.
    pub profile: Option<NewProfile>,
    /// They register at the fork.
    pub add: Vec<AgentDescription>,
    /// They are removed at the fork, for good, and their tasks are lost.
    pub remove: Vec<AgentId>,
    /// From the fork on they have so much.
    pub resize: BTreeMap<AgentId, Resized>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewProfile {
    /// As the log defines it at the fork, or built in.
    Named(Arc<str>),
    Defined(Arc<Profile>),
    Module {
        name: Arc<str>,
        bytes: ModuleBytes,
    },
}

/// What an agent has in all; what is not said stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resized {
    pub cpus: Option<Scalar>,
    pub mem: Option<Scalar>,
    pub disk: Option<Scalar>,
    pub gpus: Option<Scalar>,
    pub ports: Option<PortRanges>,
}

impl NewProfile {
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Named(name) | Self::Module { name, .. } => name,
            Self::Defined(profile) => &profile.name,
        }
    }
}

impl Resized {
    #[must_use]
    pub fn of(&self, before: &Resources) -> Resources {
        Resources {
            cpus: self.cpus.unwrap_or(before.cpus),
            mem: self.mem.unwrap_or(before.mem),
            disk: self.disk.unwrap_or(before.disk),
            gpus: self.gpus.unwrap_or(before.gpus),
            ports: self.ports.clone().unwrap_or_else(|| before.ports.clone()),
            gpu_slots: before.gpu_slots.clone(),
        }
    }
}

impl Change {
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.profile.is_none() && self.add.is_empty() && self.remove.is_empty() && self.resize.is_empty()
    }

    /// The commands that make it, at the fork.
    pub(crate) fn commands(&self, state: &State) -> Vec<CommandKind> {
        let mut commands = Vec::new();
        match &self.profile {
            Some(NewProfile::Defined(profile)) => {
                commands.push(CommandKind::DefineProfile { profile: Arc::clone(profile) });
            }
            Some(NewProfile::Module { name, bytes }) => {
                commands.push(CommandKind::AddModule { name: Arc::clone(name), bytes: bytes.clone() });
            }
            Some(NewProfile::Named(_)) | None => {}
        }
        if let Some(profile) = &self.profile {
            let profile = Some(Arc::clone(profile.name()));
            commands.push(CommandKind::ChooseProfile { scope: None, profile });
        }
        let reason = RemovalReason::Gone;
        commands.extend(self.remove.iter().map(|agent| CommandKind::RemoveAgent { agent: *agent, reason }));
        for (agent, resized) in &self.resize {
            // One that is away says so when it is back.
            let Some(row) = state.agents.get(agent).filter(|row| row.is_connected()) else { continue };
            let description = resized.description(&row.description);
            commands.push(CommandKind::ReconnectAgent { agent: *agent, description });
        }
        let register = |description: &AgentDescription| CommandKind::RegisterAgent { description: description.clone() };
        commands.extend(self.add.iter().map(register));
        commands
    }

    /// A recorded command as it is with this change; None when the change takes its place.
    pub(crate) fn rewrite(&self, kind: &CommandKind) -> Option<CommandKind> {
        let is_defined_here = |name: &Arc<str>| match &self.profile {
            Some(NewProfile::Defined(profile)) => profile.name == *name,
            Some(NewProfile::Module { name: module, .. }) => module == name,
            Some(NewProfile::Named(_)) | None => false,
        };
        match kind {
            CommandKind::ChooseProfile { scope: None, .. } if self.profile.is_some() => None,
            CommandKind::DefineProfile { profile } if is_defined_here(&profile.name) => None,
            CommandKind::RemoveProfile { profile: name }
            | CommandKind::AddModule { name, .. }
            | CommandKind::RemoveModule { module: name }
                if is_defined_here(name) =>
            {
                None
            }
            CommandKind::StartEpoch { cluster, leader, addresses, profile, .. } if self.profile.is_some() => {
                Some(CommandKind::StartEpoch {
                    cluster: cluster.clone(),
                    leader: leader.clone(),
                    addresses: addresses.clone(),
                    placement_policy: None,
                    profile: profile.clone().filter(|profile| !is_defined_here(&profile.name)),
                })
            }
            CommandKind::ReconnectAgent { agent, description } => {
                let resized = self.resize.get(agent);
                let description =
                    resized.map_or_else(|| description.clone(), |resized| resized.description(description));
                Some(CommandKind::ReconnectAgent { agent: *agent, description })
            }
            kind => Some(kind.clone()),
        }
    }
}

impl Resized {
    fn description(&self, before: &AgentDescription) -> AgentDescription {
        AgentDescription { resources: self.of(&before.resources), ..before.clone() }
    }
}
