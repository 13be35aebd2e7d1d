//! Tests of placement from outside: what it means, what always holds, and that it agrees with a simple form of itself.

mod accounts;
mod agreement;
mod churn;
mod cluster;
mod constraints;
mod lacking;
mod laws;
mod meaning;
mod reference;
mod steps;
