//! Marathon's REST API as its clients speak it: app definitions, answers, and how both map to the model.
//!
//! A body that comes in is JSON of one of two forms: the modern one (Marathon 1.5 and later) and older ones, the
//! oldest from 2014. Reading has three steps, each in its own module:
//!
//! 1. `legacy` rewrites older forms into the modern one;
//! 2. `merge` lays a partial update over the present definition;
//! 3. `decode` turns the modern form into an [`model::AppSpec`] and collects everything that is wrong with it.
//!
//! What goes out is always the modern form, made by `encode`. Nothing here knows HTTP, or what the cluster does with
//! a definition: the state comes as arguments.

mod answers;
mod container;
mod decimal;
mod decode;
mod definition;
mod encode;
mod fields;
mod legacy;
mod merge;
mod network;
mod problems;
mod selector;
mod shapes;
mod timestamp;

pub use answers::{
    AppAnswer, ChangeAnswer, DeploymentActionAnswer, DeploymentAnswer, DeploymentRef, DeploymentStepAnswer,
    LastTaskFailure, OffersSummary, QueueDelay, QueueItem, RejectSummary, TaskAnswer, VersionInfo,
};
pub use decimal::Decimal;
pub use decode::limits;
pub use definition::{
    AppDefinition, ContainerDefinition, DockerDefinition, NetworkDefinition, ParameterDefinition, PortDefinition,
    PortMapping, VolumeDefinition,
};
pub use encode::definition_of;
pub use merge::{Update, create, update};
pub use problems::{Detail, Problems};
pub use selector::{LabelSelector, SelectorError};
pub use shapes::{AS_IT_IS_DONE, Shape, shapes};
pub use timestamp::{parse_timestamp, write_timestamp};

/// The JSON Schema of an app's definition in the modern form, for `POST` and `PUT`.
#[must_use]
pub fn app_schema() -> schemars::Schema {
    schemars::schema_for!(AppDefinition)
}
