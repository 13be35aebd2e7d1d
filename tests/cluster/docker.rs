//! Tasks in containers, with the real engine: apps in the form of 2014, their life and end, their networks and volumes; and
//! a whole cluster in containers, as docker-compose.yml has it.
//!
//! Nothing is ever pulled: the images are made here, of one static program.

mod compose;
pub(crate) mod engine;
mod form_of_2014;
mod life;
mod networks;
mod stack;
