//! What kinds of texts a log has, and what is asked of whoever gives them other names.

use model::{AppId, AttributeValue, Constraint, Filter, ModuleBytes, TaskId, UpdateUuid};

/// A namespace. Texts of one kind are compared with each other and with nothing else, so their order is kept within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Address,
    Argument,
    Cluster,
    Command,
    Containerizer,
    Deployment,
    EngineOption,
    EngineValue,
    Field,
    Framework,
    Host,
    Image,
    Label,
    LabelText,
    Leader,
    Message,
    /// A framework's own id of a task.
    OwnTask,
    Path,
    Pattern,
    Port,
    Principal,
    /// Of profiles, policies and modules, which name each other.
    Profile,
    Role,
    Setting,
    /// An id that has none of the forms that the cluster gives.
    Task,
    TaskName,
    Update,
    Url,
    User,
    /// Of a field other than the hostname.
    Value,
    Variable,
}

impl Kind {
    /// What a pseudonym begins with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Argument => "argument",
            Self::Cluster => "cluster",
            Self::Command => "command",
            Self::Containerizer => "containerizer",
            Self::Deployment => "deployment",
            Self::EngineOption => "option",
            Self::EngineValue => "option-value",
            Self::Field => "field",
            Self::Framework => "framework",
            Self::Host => "host",
            Self::Image => "image",
            Self::Label => "label",
            Self::LabelText => "label-text",
            Self::Leader => "leader",
            Self::Message => "message",
            Self::OwnTask => "own",
            Self::Path => "path",
            Self::Pattern => "pattern",
            Self::Port => "port",
            Self::Principal => "principal",
            Self::Profile => "profile",
            Self::Role => "role",
            Self::Setting => "setting",
            Self::Task => "task",
            Self::TaskName => "task-name",
            Self::Update => "update",
            Self::Url => "url",
            Self::User => "user",
            Self::Value => "value",
            Self::Variable => "variable",
        }
    }

    /// The texts of a field of the agents.
    pub(super) fn of_field(field: &str) -> Self {
        if Constraint::field_of(field) == Constraint::HOSTNAME { Self::Host } else { Self::Value }
    }
}

/// Is shown every text of what is told again, and says what stands in its place.
pub(super) trait Names {
    fn text(&mut self, kind: Kind, text: &str) -> String;
    fn app(&mut self, app: &AppId) -> AppId;
    fn task(&mut self, task: &TaskId) -> TaskId;
    fn attribute(&mut self, field: &str, value: &AttributeValue) -> (String, AttributeValue);
    fn constraint(&mut self, constraint: &Constraint) -> Constraint;
    /// What a filter's count is told with.
    fn detail(&mut self, filter: Filter, detail: &str) -> String;
    /// Derives from a task's id.
    fn receipt(&mut self, update: UpdateUuid) -> UpdateUuid;
    fn module(&mut self, bytes: &ModuleBytes) -> ModuleBytes;
}
