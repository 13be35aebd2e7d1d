//! Modules as policies: what they answer, what is refused, and that no module harms anybody.

mod answers;
mod arbitrary;
mod cluster;
mod faults;
mod keep_gpus;
mod loading;
mod texts;
