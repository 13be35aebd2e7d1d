//! What the log says: ids, resources, specs, commands, events and records, and their MessagePack form.
//!
//! Everything here is plain data. This crate knows nothing of clocks, random sources, IO or of any other
//! crate of the project; whatever the log must keep for ever is defined here and described by
//! `schemas/record.schema.json`.

mod app;
mod command;
mod constraint;
mod container;
mod counts;
mod deployment;
pub mod engine_option;
mod entity;
mod envelope;
mod event;
mod explanation;
mod framework;
mod gpu;
mod ids;
mod part;
mod ports;
mod profile;
mod record;
mod resources;
mod scalar;
pub mod schema;
mod task;
mod time;
mod upcast;

pub use app::{AppSpec, AppVersion, Backoff, Invocation, PortProtocol, PortSpec};
pub use command::{
    AgentDescription, Command, CommandKind, DisconnectReason, LeaderAddresses, Principal, StatusUpdate, TaskSelection,
};
pub use constraint::{Constraint, ConstraintOperator};
pub use container::{Container, DockerContainer, Network, Parameter, Volume, VolumeMode};
pub use counts::{Counts, OTHER_PROFILES, TIMES_BOUNDS_MS, Times};
pub use deployment::{ActionKind, Deployment, DeploymentAction, DeploymentOutcome, DeploymentStep};
pub use entity::{Agent, App, Connection, Header, KillRequest, LaunchDelay, Offer, Row, Task, TaskFailure, Totals};
pub use envelope::{CodecError, FORMAT, NEWEST_FORMAT, PART_FORMAT};
pub use event::{Event, LaunchedTask, OfferBatch, OfferOutcome, RemovalReason, Waiting, WaitingCause};
pub use explanation::{Explanation, Filter, Filtered};
pub use framework::{
    Framework, FrameworkConnection, FrameworkInfo, FrameworkRemovalReason, LaunchRequest, OfferFilter, PendingUpdate,
    TaskInfo, UpdateReceipt, Workload,
};
pub use gpu::{GpuSlot, GpuSlots, WHOLE_GPU};
pub use ids::{
    AgentId, AppId, AppIdError, ClusterId, CommandId, DeploymentId, Epoch, FrameworkId, Hash, OfferId, Position, Seq,
    TaskId, UpdateId, UpdateUuid,
};
pub use part::{MAX_PARTS, Part, PartPlace, PartsSoFar, Sealed, SealedPart, Step};
pub use ports::{PortRange, PortRanges, PortRangesError};
pub use profile::{Module, ModuleBytes, Profile, ProfileChoices, ProfileScope, ProfileTerm, validate_role};
pub use record::{Record, SealedRecord, Tip, Void};
pub use resources::{AttributeValue, Attributes, Resources};
pub use scalar::{Scalar, ScalarError};
pub use task::{ExitStatus, KillReason, StatusReason, TaskState, TaskStatus};
pub use time::Timestamp;
