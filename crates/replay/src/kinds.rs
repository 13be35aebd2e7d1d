//! The kinds of events and of commands, by the names that the log has for them.

/// The kinds of events, as the log names them.
pub const EVENT_KINDS: &[&str] = &[
    "epoch_started",
    "placement_policy_chosen",
    "profile_defined",
    "profile_removed",
    "profile_chosen",
    "shadow_chosen",
    "module_added",
    "module_removed",
    "module_disabled",
    "agent_registered",
    "agent_reconnected",
    "agent_disconnected",
    "agent_removed",
    "offers_made",
    "offers_closed",
    "offers_held_back",
    "offer_timeout_chosen",
    "framework_subscribed",
    "framework_disconnected",
    "framework_removed",
    "offers_revived",
    "offers_suppressed",
    "launch_refused",
    "updates_acknowledged",
    "task_launched",
    "task_status_changed",
    "task_kill_requested",
    "app_changed",
    "app_destroyed",
    "launch_delayed",
    "launch_delay_reset",
    "waiting_changed",
    "deployment_started",
    "deployment_advanced",
    "deployment_ended",
    "restored",
];

/// The kinds of commands, as the log names them.
pub const COMMAND_KINDS: &[&str] = &[
    "start_epoch",
    "allocate",
    "create_app",
    "put_apps",
    "scale_app",
    "restart_app",
    "destroy_app",
    "kill_tasks",
    "register_agent",
    "reconnect_agent",
    "disconnect_agent",
    "remove_agent",
    "update_status",
    "choose_offer_timeout",
    "subscribe_framework",
    "disconnect_framework",
    "teardown_framework",
    "accept_offers",
    "decline_offers",
    "revive_offers",
    "suppress_offers",
    "acknowledge_updates",
    "kill_framework_task",
    "define_profile",
    "remove_profile",
    "choose_profile",
    "choose_shadow",
    "add_module",
    "remove_module",
];

#[cfg(test)]
mod tests {
    use model::{CommandKind, Event};

    use super::*;

    /// The names of the variants, as the schema has them: a variant without fields is a constant, any other a property.
    fn variants(schema: &schemars::Schema) -> Vec<String> {
        let variants = schema.as_value()["oneOf"].as_array().expect("an enum");
        let name = |variant: &serde_json::Value| match variant["properties"].as_object() {
            Some(properties) => properties.keys().next().expect("one").clone(),
            None => variant["const"].as_str().expect("a constant").to_owned(),
        };
        variants.iter().map(name).collect()
    }

    #[test]
    fn no_kind_is_missing() {
        assert_eq!(variants(&schemars::schema_for!(Event)), EVENT_KINDS);
        assert_eq!(variants(&schemars::schema_for!(CommandKind)), COMMAND_KINDS);
    }
}
