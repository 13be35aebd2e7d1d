//! Which profile decides for whom, and commands that change that.

use std::fmt;
use std::sync::Arc;

use model::{App, AppSpec, Event, Module, ModuleBytes, Profile, ProfileScope, validate_role};
use placement::{Faulty, Policy, ReadyProfile, is_reserved, validate_name, validate_profile};
use state::State;

use crate::draft::Draft;
use crate::{DEFAULT_PLACEMENT_POLICY, Rejection};

/// So many profiles can be defined.
pub const MAX_PROFILES: usize = 256;
/// So many modules there may be.
pub const MAX_MODULES: usize = 32;
/// So large a module may be.
pub const MAX_MODULE_BYTES: usize = 256 << 10;
/// For so many roles and apps a profile of their own can be chosen.
pub const MAX_CHOICES: usize = 1_000;

/// Makes policies out of modules.
pub trait Modules: Send + Sync {
    /// The same bytes give the same policy; the error says what is wrong with them. The first time may take a second or two, and
    /// after that it is quick, unless very many others came in between.
    fn policy(&self, module: &Module) -> Result<Arc<dyn Policy>, String>;
}

/// Where policies come from that are not built in.
#[derive(Clone, Default)]
pub struct Policies {
    modules: Option<Arc<dyn Modules>>,
}

impl Policies {
    #[must_use]
    pub fn with(modules: Arc<dyn Modules>) -> Self {
        Self { modules: Some(modules) }
    }

    #[must_use]
    pub fn has_modules(&self) -> bool {
        self.modules.is_some()
    }

    /// Sees to it that a module's policy is at hand when something is to be decided.
    pub fn prepare(&self, module: &Module) -> Result<(), String> {
        self.of_module(module).map(drop)
    }

    /// Whether a module could be added, as far as its bytes say. Afterwards its policy is at hand.
    pub fn check_module(&self, name: &Arc<str>, bytes: &ModuleBytes) -> Result<(), Rejection> {
        let invalid = |reason: String| Rejection::InvalidModule { name: name.to_string(), reason };
        validate_size(bytes).map_err(invalid)?;
        self.prepare(&Module::new(Arc::clone(name), bytes.clone())).map_err(invalid)
    }

    fn of_module(&self, module: &Module) -> Result<Arc<dyn Policy>, String> {
        match &self.modules {
            Some(modules) => modules.policy(module),
            None => Err("this program runs no modules".to_owned()),
        }
    }

    /// A profile by its name, as the state defines it: one that somebody defined, a policy or profile that is built in, or a
    /// module. The error says what it lacks.
    pub fn profile(&self, state: &State, name: &str) -> Result<ReadyProfile, String> {
        let Some(profile) = state.profiles.get(name) else {
            return match ReadyProfile::built_in(name) {
                Some(profile) => Ok(profile),
                None => Ok(ReadyProfile::of_policy(name.into(), self.policy(state, name)?)),
            };
        };
        self.defined(state, profile)
    }

    /// A profile that need not be the state's own, of policies that are built in and of the state's modules.
    pub fn defined(&self, state: &State, profile: &Profile) -> Result<ReadyProfile, String> {
        for term in &profile.terms {
            self.policy(state, &term.policy)?;
        }
        let ready = ReadyProfile::of(profile, |name| self.policy(state, name).ok());
        ready.ok_or_else(|| format!("profile '{}' has no terms", profile.name))
    }

    /// What decides for an app: its own profile, or its role's, or the cluster's; where that cannot, or names a module that is
    /// `disabled`, the cluster's, and at last the one that always can.
    pub(crate) fn deciding_for(&self, state: &State, app: &AppSpec, disabled: &[Arc<str>]) -> ReadyProfile {
        let is_disabled = |policy: &str| disabled.iter().any(|module| **module == *policy);
        let usable = |name: &str| {
            let profile = state.profiles.get(name);
            let uses_disabled = is_disabled(name)
                || profile.is_some_and(|profile| profile.terms.iter().any(|term| is_disabled(&term.policy)));
            if uses_disabled { None } else { self.profile(state, name).ok() }
        };
        [chosen_for(state, app), &state.header.placement_policy]
            .into_iter()
            .find_map(usable)
            .or_else(|| ReadyProfile::built_in(DEFAULT_PLACEMENT_POLICY))
            .expect("the default policy is built in")
    }

    fn policy(&self, state: &State, name: &str) -> Result<Arc<dyn Policy>, String> {
        if let Some(policy) = placement::by_name(name) {
            return Ok(policy);
        }
        let Some(module) = state.modules.get(name) else { return Err(format!("'{name}' does not exist")) };
        match &module.disabled {
            Some(reason) => Err(format!("module '{name}' is disabled: {reason}")),
            None => self.of_module(module).map_err(|why| format!("module '{name}': {why}")),
        }
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.modules.is_some() { "Policies, with modules" } else { "Policies" })
    }
}

fn validate_size(bytes: &ModuleBytes) -> Result<(), String> {
    match bytes.0.len() {
        ..=MAX_MODULE_BYTES => Ok(()),
        size => Err(format!("it has {size} bytes, but may have {MAX_MODULE_BYTES}: build it without debug data")),
    }
}

/// The name of the profile that decides for an app, whether it can or not.
#[must_use]
pub fn profile_of<'a>(state: &'a State, app: &App) -> &'a str {
    chosen_for(state, &app.spec)
}

fn chosen_for<'a>(state: &'a State, app: &AppSpec) -> &'a str {
    let chosen = state.header.profiles.of(&app.id, app.role.as_deref());
    chosen.map_or(state.header.placement_policy.as_str(), AsRef::as_ref)
}

impl Draft<'_> {
    /// See [`Policies::deciding_for`].
    pub(crate) fn deciding_for(&self, app: &App) -> ReadyProfile {
        self.policies.deciding_for(self.state(), &app.spec, &self.disabled)
    }

    /// From here on the module decides nothing any more.
    pub(crate) fn disable(&mut self, fault: Faulty) {
        let module: Arc<str> = fault.policy.into();
        if self.disabled.contains(&module) {
            return;
        }
        self.events.push(Event::ModuleDisabled { module: Arc::clone(&module), reason: fault.reason.into() });
        self.disabled.push(module);
    }

    /// A profile that exists and can decide.
    fn usable_profile(&self, name: &str) -> Result<(), Rejection> {
        match self.policies.profile(self.state(), name) {
            Ok(_) => Ok(()),
            Err(reason) if self.exists(name) => Err(Rejection::UnusableProfile { name: name.to_owned(), reason }),
            Err(_) => Err(self.unknown_profile(name)),
        }
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        let state = self.state();
        ReadyProfile::built_in(name).is_some() || state.profiles.contains(name) || state.modules.contains(name)
    }

    pub(crate) fn unknown_profile(&self, name: &str) -> Rejection {
        let state = self.state();
        let built_in = placement::POLICIES.iter().chain(placement::PROFILES).map(|(name, _)| *name);
        let defined = state.profiles.keys().chain(state.modules.keys()).map(AsRef::as_ref);
        let known = built_in.chain(defined).collect::<Vec<_>>().join(", ");
        Rejection::UnknownPolicy { name: name.to_owned(), known }
    }

    /// What decides for somebody must not be made into something that cannot.
    pub(crate) fn redefine_profile(&mut self, profile: &Arc<Profile>) -> Result<(), Rejection> {
        let state = self.state();
        let is_changed = state.profiles.get(&*profile.name).is_some_and(|old| old != profile);
        let users = self.users_of(&profile.name);
        if is_changed && !users.is_empty() {
            let disabled = |name: &str| state.modules.get(name).and_then(|module| module.disabled.as_deref());
            let mut terms = profile.terms.iter().enumerate();
            let unusable = terms.find_map(|(index, term)| Some((index, &term.policy, disabled(&term.policy)?)));
            if let Some((index, module, why)) = unusable {
                let reason = format!(
                    "'{module}' is a disabled module ({why}), and the profile is in use by {}: add the module again, leave \
                     it out, or choose another profile there first",
                    users.join(", ")
                );
                let (name, field) = (profile.name.to_string(), format!("terms[{index}].policy"));
                return Err(Rejection::InvalidProfile { name, field, reason });
            }
        }
        self.define_profile(profile)
    }

    /// Whoever begins to lead may do so, whatever became of modules.
    pub(crate) fn define_profile(&mut self, profile: &Arc<Profile>) -> Result<(), Rejection> {
        let state = self.state();
        let invalid = |field: &str, reason: String| Rejection::InvalidProfile {
            name: profile.name.to_string(),
            field: field.to_owned(),
            reason,
        };
        let is_known = |name: &str| placement::by_name(name).is_some() || state.modules.contains(name);
        validate_profile(profile, is_known).map_err(|error| invalid(&error.field, error.reason))?;
        if state.modules.contains(&*profile.name) {
            return Err(invalid("name", "is that of a module: choose another one".to_owned()));
        }
        let old = state.profiles.get(&*profile.name);
        if old.is_none() && state.profiles.len() >= MAX_PROFILES {
            return Err(invalid("name", format!("is one too many: there are {MAX_PROFILES} profiles, remove one")));
        }
        if old != Some(profile) {
            self.events.push(Event::ProfileDefined { profile: Arc::clone(profile) });
        }
        Ok(())
    }

    pub(crate) fn remove_profile(&mut self, name: &Arc<str>) -> Result<(), Rejection> {
        if !self.state().profiles.contains(name) {
            return Err(match self.exists(name) {
                true => Rejection::InvalidProfile {
                    name: name.to_string(),
                    field: "name".to_owned(),
                    reason: "is no profile that somebody defined, so it stays".to_owned(),
                },
                false => self.unknown_profile(name),
            });
        }
        self.refuse_in_use(name)?;
        self.events.push(Event::ProfileRemoved { profile: Arc::clone(name) });
        Ok(())
    }

    fn refuse_in_use(&self, name: &str) -> Result<(), Rejection> {
        let users = self.users_of(name);
        if users.is_empty() { Ok(()) } else { Err(Rejection::ProfileInUse { name: name.to_owned(), users }) }
    }

    /// For whom a profile, policy or module decides, and the profiles that it is part of.
    fn users_of(&self, name: &str) -> Vec<String> {
        let state = self.state();
        let cluster = (*state.header.placement_policy == *name).then(|| "the cluster".to_owned());
        let choices = state.header.profiles.users().filter(|(profile, _)| ***profile == *name).map(|(_, user)| user);
        let names_it = |profile: &&Arc<Profile>| profile.terms.iter().any(|term| *term.policy == *name);
        let profiles = state.profiles.values().filter(names_it).map(|profile| format!("profile {}", profile.name));
        cluster.into_iter().chain(choices).chain(profiles).collect()
    }

    pub(crate) fn choose_profile(
        &mut self,
        scope: Option<&ProfileScope>,
        profile: Option<&Arc<str>>,
    ) -> Result<(), Rejection> {
        if let Some(profile) = profile {
            self.usable_profile(profile)?;
        }
        let header = &self.state().header;
        let Some(scope) = scope else {
            let policy = profile.map_or(DEFAULT_PLACEMENT_POLICY, AsRef::as_ref).to_owned();
            if policy != header.placement_policy {
                self.events.push(Event::PlacementPolicyChosen { policy });
            }
            return Ok(());
        };
        let choices = &header.profiles;
        let chosen = match scope {
            ProfileScope::Role(role) => {
                if let Err(reason) = validate_role(role) {
                    return Err(Rejection::InvalidRole { role: role.to_string(), reason: reason.to_owned() });
                }
                choices.roles.get(role)
            }
            ProfileScope::App(app) => {
                self.app(app)?;
                choices.apps.get(app)
            }
        };
        if chosen.is_none() && profile.is_some() && choices.roles.len() + choices.apps.len() >= MAX_CHOICES {
            return Err(Rejection::TooManyChoices { limit: MAX_CHOICES });
        }
        if chosen != profile {
            self.events.push(Event::ProfileChosen { scope: scope.clone(), profile: profile.cloned() });
        }
        Ok(())
    }

    pub(crate) fn choose_shadow(&mut self, profile: Option<&Arc<str>>) -> Result<(), Rejection> {
        if let Some(profile) = profile {
            self.usable_profile(profile)?;
        }
        if self.state().header.profiles.shadow.as_ref() != profile {
            self.events.push(Event::ShadowChosen { profile: profile.cloned() });
        }
        Ok(())
    }

    pub(crate) fn add_module(&mut self, name: &Arc<str>, bytes: &ModuleBytes) -> Result<(), Rejection> {
        let invalid = |reason: String| Rejection::InvalidModule { name: name.to_string(), reason };
        let state = self.state();
        validate_name(name).map_err(|reason| invalid(format!("its name {reason}")))?;
        if is_reserved(name) || state.profiles.contains(name) {
            return Err(invalid("its name belongs to something else: choose another one".to_owned()));
        }
        validate_size(bytes).map_err(invalid)?;
        let module = Module::new(Arc::clone(name), bytes.clone());
        match state.modules.get(name) {
            Some(known) if known.hash == module.hash && known.disabled.is_none() => return Ok(()),
            Some(known) if known.hash != module.hash => self.refuse_in_use(name)?,
            Some(_) => {}
            None if state.modules.len() >= MAX_MODULES => {
                return Err(invalid(format!("it is one too many: there are {MAX_MODULES} modules, remove one")));
            }
            None => {}
        }
        self.policies.prepare(&module).map_err(invalid)?;
        self.events.push(Event::ModuleAdded { module: Arc::new(module) });
        Ok(())
    }

    pub(crate) fn remove_module(&mut self, name: &Arc<str>) -> Result<(), Rejection> {
        if !self.state().modules.contains(name) {
            return Err(Rejection::UnknownModule(name.to_string()));
        }
        self.refuse_in_use(name)?;
        self.events.push(Event::ModuleRemoved { module: Arc::clone(name) });
        Ok(())
    }
}
