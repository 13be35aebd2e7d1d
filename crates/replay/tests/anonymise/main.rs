//! A log in other words tells nothing and decides the same.

mod any;
mod dice;
mod history;
mod leaks;
mod same;
