//! Options of the Docker command line that have a place in the engine's API.
//!
//! An app may carry such options (`parameters`, and `options` in the form of 2014). The API refuses what is
//! not listed here, with the reason; the agent translates every one of these. This module knows the options'
//! grammar only: neither how a request to the engine looks, nor what the kernel will say to it.

use crate::Parameter;

/// One understood option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineOption {
    AddHost(String),
    BlkioWeight(u16),
    CapAdd(String),
    CapDrop(String),
    CgroupParent(String),
    CpuPeriod(i64),
    CpuQuota(i64),
    CpusetCpus(String),
    CpusetMems(String),
    Device {
        on_host: String,
        in_container: String,
        permissions: String,
    },
    Dns(String),
    DnsOption(String),
    DnsSearch(String),
    Domainname(String),
    Entrypoint(String),
    Env {
        name: String,
        value: String,
    },
    GroupAdd(String),
    Hostname(String),
    Init(bool),
    Ipc(String),
    Label {
        name: String,
        value: String,
    },
    LogDriver(String),
    LogOpt {
        name: String,
        value: String,
    },
    MemoryReservation(i64),
    /// -1 is unlimited.
    MemorySwap(i64),
    MemorySwappiness(i64),
    OomKillDisable(bool),
    OomScoreAdj(i64),
    Pid(String),
    PidsLimit(i64),
    Privileged(bool),
    ReadOnly(bool),
    Runtime(String),
    SecurityOpt(String),
    ShmSize(i64),
    StopSignal(String),
    StorageOpt {
        name: String,
        value: String,
    },
    Sysctl {
        name: String,
        value: String,
    },
    Tmpfs {
        path: String,
        options: String,
    },
    Ulimit {
        name: String,
        soft: i64,
        hard: i64,
    },
    User(String),
    Userns(String),
    Uts(String),
    /// `host:container[:mode]`, as the engine has it.
    Volume(String),
    Workdir(String),
}

/// Boolean options: `--privileged` alone means true.
const FLAGS: [&str; 4] = ["init", "oom-kill-disable", "privileged", "read-only"];

/// The one-letter forms of the options above.
const SHORT: [(&str, &str); 6] =
    [("e", "env"), ("h", "hostname"), ("l", "label"), ("u", "user"), ("v", "volume"), ("w", "workdir")];

/// What the Docker command line has and an app says elsewhere, or may not say at all.
const ELSEWHERE: [(&str, &str); 19] = [
    ("attach", "output is kept in the task's sandbox"),
    ("c", "set the app's `cpus`; 1024 shares are one cpu"),
    ("cpu-shares", "set the app's `cpus`; 1024 shares are one cpu"),
    ("cpus", "set the app's `cpus`"),
    ("d", "tasks always run in the background"),
    ("detach", "tasks always run in the background"),
    ("env-file", "write the variables into the app's `env`"),
    ("interactive", "tasks have no terminal"),
    ("m", "set the app's `mem`, in MB"),
    ("memory", "set the app's `mem`, in MB"),
    ("name", "the container's name is derived from the task's id"),
    ("net", "set the container's network, to host or bridge"),
    ("network", "set the container's network, to host or bridge"),
    ("p", "publish ports with the container's `portMappings`"),
    ("publish", "publish ports with the container's `portMappings`"),
    ("pull", "set `forcePullImage`"),
    ("restart", "ended tasks are replaced by the cluster"),
    ("rm", "ended containers are removed by the agent"),
    ("tty", "tasks have no terminal"),
];

/// Understands one option, `key` without its dashes. The reason of a refusal names no option: the caller knows
/// where it was written.
pub fn parse(key: &str, value: &str) -> Result<EngineOption, String> {
    let key = long_name(key);
    if FLAGS.contains(&key) {
        return Ok(flag(key, truth(value)?));
    }
    let known = sized(key, value).or_else(|| structured(key, value)).or_else(|| plain(key, value));
    let Some(understood) = known else { return Err(unknown(key)) };
    if value.is_empty() && key != "entrypoint" {
        return Err("needs a value".to_owned());
    }
    understood
}

/// Reads options as they are typed: `--privileged`, `--env=A=1`, `--env A=1` in one text or in two, `-e A=1`.
/// The result is checked with [`parse`].
pub fn from_command_line(options: &[String]) -> Result<Vec<Parameter>, String> {
    let mut parameters = Vec::new();
    let mut rest = options.iter().map(|option| option.trim()).filter(|option| !option.is_empty());
    while let Some(option) = rest.next() {
        let Some(named) = option.strip_prefix("--").or_else(|| option.strip_prefix('-')) else {
            return Err(format!("'{option}' is not an option: options begin with a dash"));
        };
        let (key, inline) = match named.find(['=', ' ']) {
            Some(at) => (&named[..at], Some(named[at + 1..].trim())),
            None => (named, None),
        };
        let key = long_name(key);
        let value = match inline {
            Some(value) => value,
            None if FLAGS.contains(&key) => "true",
            None => rest.next().ok_or_else(|| format!("'{option}': {}", parse(key, "").err().unwrap_or_default()))?,
        };
        parse(key, value).map_err(|reason| format!("'{option}': {reason}"))?;
        parameters.push(Parameter { key: key.to_owned(), value: value.to_owned() });
    }
    Ok(parameters)
}

fn long_name(key: &str) -> &str {
    SHORT.iter().find(|(short, _)| *short == key).map_or(key, |(_, long)| long)
}

fn unknown(key: &str) -> String {
    match ELSEWHERE.iter().find(|(name, _)| *name == key) {
        Some((_, instead)) => format!("is not accepted here: {instead}"),
        None => "is not an option that can be passed on to the engine".to_owned(),
    }
}

fn flag(key: &str, on: bool) -> EngineOption {
    match key {
        "init" => EngineOption::Init(on),
        "oom-kill-disable" => EngineOption::OomKillDisable(on),
        "privileged" => EngineOption::Privileged(on),
        _ => EngineOption::ReadOnly(on),
    }
}

fn truth(value: &str) -> Result<bool, String> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("must be true or false, not '{value}'")),
    }
}

/// Options whose value is a number.
fn sized(key: &str, value: &str) -> Option<Result<EngineOption, String>> {
    use EngineOption as O;
    Some(match key {
        "blkio-weight" => whole(value, 10, 1000).map(|weight| O::BlkioWeight(weight as u16)),
        "cpu-period" => whole(value, 1_000, 1_000_000).map(O::CpuPeriod),
        "cpu-quota" => whole(value, -1, i64::MAX).map(O::CpuQuota),
        "memory-reservation" => bytes(value).map(O::MemoryReservation),
        "memory-swap" if value == "-1" => Ok(O::MemorySwap(-1)),
        "memory-swap" => bytes(value).map(O::MemorySwap),
        "memory-swappiness" => whole(value, 0, 100).map(O::MemorySwappiness),
        "oom-score-adj" => whole(value, -1000, 1000).map(O::OomScoreAdj),
        "pids-limit" => whole(value, -1, i64::MAX).map(O::PidsLimit),
        "shm-size" => bytes(value).map(O::ShmSize),
        _ => return None,
    })
}

/// Options whose value has parts.
fn structured(key: &str, value: &str) -> Option<Result<EngineOption, String>> {
    use EngineOption as O;
    let named = || match value.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("must be NAME=VALUE, not '{value}'")),
    };
    Some(match key {
        "add-host" => match value.split_once(':') {
            Some((host, address)) if !host.is_empty() && !address.is_empty() => Ok(O::AddHost(value.to_owned())),
            _ => Err(format!("must be HOST:ADDRESS, not '{value}'")),
        },
        "device" => device(value),
        "env" => named().map(|(name, value)| O::Env { name, value }),
        "label" => {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            Ok(O::Label { name: name.to_owned(), value: value.to_owned() })
        }
        "log-opt" => named().map(|(name, value)| O::LogOpt { name, value }),
        "security-opt" => security(value),
        "storage-opt" => named().map(|(name, value)| O::StorageOpt { name, value }),
        "sysctl" => named().map(|(name, value)| O::Sysctl { name, value }),
        "tmpfs" => {
            let (path, options) = value.split_once(':').unwrap_or((value, ""));
            absolute(path).map(|path| O::Tmpfs { path, options: options.to_owned() })
        }
        "ulimit" => ulimit(value),
        "volume" => volume(value),
        "workdir" => absolute(value).map(O::Workdir),
        _ => return None,
    })
}

/// Options whose value is for the engine to judge.
fn plain(key: &str, value: &str) -> Option<Result<EngineOption, String>> {
    use EngineOption as O;
    let make = match key {
        "cap-add" => O::CapAdd,
        "cap-drop" => O::CapDrop,
        "cgroup-parent" => O::CgroupParent,
        "cpuset-cpus" => O::CpusetCpus,
        "cpuset-mems" => O::CpusetMems,
        "dns" => O::Dns,
        "dns-opt" | "dns-option" => O::DnsOption,
        "dns-search" => O::DnsSearch,
        "domainname" => O::Domainname,
        "entrypoint" => O::Entrypoint,
        "group-add" => O::GroupAdd,
        "hostname" => O::Hostname,
        "ipc" => O::Ipc,
        "log-driver" => O::LogDriver,
        "pid" => O::Pid,
        "runtime" => O::Runtime,
        "stop-signal" => O::StopSignal,
        "user" => O::User,
        "userns" => O::Userns,
        "uts" => O::Uts,
        _ => return None,
    };
    Some(Ok(make(value.to_owned())))
}

fn whole(value: &str, lowest: i64, highest: i64) -> Result<i64, String> {
    let number: i64 = value.parse().map_err(|_| format!("must be a whole number, not '{value}'"))?;
    if (lowest..=highest).contains(&number) {
        return Ok(number);
    }
    match highest {
        i64::MAX => Err(format!("must be {lowest} or more, not {number}")),
        _ => Err(format!("must be between {lowest} and {highest}, not {number}")),
    }
}

/// `64m`, `1g`, `1048576`, `512kb`: in powers of 1024, as the command line has them.
fn bytes(value: &str) -> Result<i64, String> {
    let wrong = || format!("must be a size such as 64m or 1g, not '{value}'");
    let lower = value.to_ascii_lowercase();
    let text = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, factor) = match text.chars().last() {
        Some('k') => (&text[..text.len() - 1], 1_i64 << 10),
        Some('m') => (&text[..text.len() - 1], 1 << 20),
        Some('g') => (&text[..text.len() - 1], 1 << 30),
        Some('t') => (&text[..text.len() - 1], 1 << 40),
        _ => (text, 1),
    };
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    if count < 0 {
        return Err(wrong());
    }
    count.checked_mul(factor).ok_or_else(wrong)
}

fn absolute(path: &str) -> Result<String, String> {
    if path.starts_with('/') { Ok(path.to_owned()) } else { Err(format!("must be an absolute path, not '{path}'")) }
}

fn device(value: &str) -> Result<EngineOption, String> {
    let is_permissions = |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
    let mut parts = value.split(':');
    let on_host = absolute(parts.next().unwrap_or_default())?;
    let (in_container, permissions) = match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) => (on_host.clone(), "rwm"),
        (Some(second), None, None) if is_permissions(second) => (on_host.clone(), second),
        (Some(second), None, None) => (absolute(second)?, "rwm"),
        (Some(second), Some(third), None) if is_permissions(third) => (absolute(second)?, third),
        _ => return Err(format!("must be /dev/ON_HOST[:/dev/IN_CONTAINER][:rwm], not '{value}'")),
    };
    Ok(EngineOption::Device { on_host, in_container, permissions: permissions.to_owned() })
}

fn security(value: &str) -> Result<EngineOption, String> {
    let profile = value.strip_prefix("seccomp=").or_else(|| value.strip_prefix("seccomp:"));
    match profile {
        Some(profile) if profile != "unconfined" && !profile.starts_with('{') => {
            Err("a seccomp profile cannot be read from a file here: write its JSON, or unconfined".to_owned())
        }
        _ => Ok(EngineOption::SecurityOpt(value.to_owned())),
    }
}

fn ulimit(value: &str) -> Result<EngineOption, String> {
    let wrong = || format!("must be NAME=SOFT[:HARD], not '{value}'");
    let (name, limits) = value.split_once('=').ok_or_else(wrong)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (whole(soft, -1, i64::MAX)?, whole(hard, -1, i64::MAX)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!("the soft limit {soft} is above the hard limit {hard}"));
    }
    Ok(EngineOption::Ulimit { name: name.to_owned(), soft, hard })
}

fn volume(value: &str) -> Result<EngineOption, String> {
    let mut parts = value.splitn(3, ':');
    match (parts.next(), parts.next()) {
        (Some(on_host), Some(in_container)) if !on_host.is_empty() && in_container.starts_with('/') => {
            Ok(EngineOption::Volume(value.to_owned()))
        }
        _ => Err(format!("must be ON_HOST:/IN_CONTAINER[:MODE], not '{value}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::EngineOption as O;
    use super::*;

    #[test]
    fn understands_flags_sizes_and_parts() {
        let cases = [
            ("privileged", "", O::Privileged(true)),
            ("privileged", "false", O::Privileged(false)),
            ("shm-size", "64m", O::ShmSize(64 << 20)),
            ("shm-size", "1048576", O::ShmSize(1 << 20)),
            ("memory-swap", "-1", O::MemorySwap(-1)),
            ("e", "A=b=c", O::Env { name: "A".into(), value: "b=c".into() }),
            ("ulimit", "nofile=1024:2048", O::Ulimit { name: "nofile".into(), soft: 1024, hard: 2048 }),
            (
                "device",
                "/dev/fuse:rw",
                O::Device { on_host: "/dev/fuse".into(), in_container: "/dev/fuse".into(), permissions: "rw".into() },
            ),
            ("tmpfs", "/run:size=1m", O::Tmpfs { path: "/run".into(), options: "size=1m".into() }),
            ("volume", "/data:/data:ro", O::Volume("/data:/data:ro".into())),
            ("entrypoint", "", O::Entrypoint(String::new())),
        ];
        for (key, value, understood) in cases {
            assert_eq!(parse(key, value), Ok(understood), "{key}={value}");
        }
    }

    #[test]
    fn says_why_an_option_is_refused() {
        let cases = [
            ("colour", "red", "is not an option that can be passed on to the engine"),
            ("net", "host", "is not accepted here: set the container's network, to host or bridge"),
            ("privileged", "perhaps", "must be true or false, not 'perhaps'"),
            ("oom-score-adj", "2000", "must be between -1000 and 1000, not 2000"),
            ("shm-size", "-1m", "must be a size such as 64m or 1g, not '-1m'"),
            ("shm-size", "99999999999g", "must be a size such as 64m or 1g, not '99999999999g'"),
            ("env", "HOME", "must be NAME=VALUE, not 'HOME'"),
            ("cap-add", "", "needs a value"),
            ("ulimit", "nofile=9:3", "the soft limit 9 is above the hard limit 3"),
            ("workdir", "here", "must be an absolute path, not 'here'"),
        ];
        for (key, value, reason) in cases {
            assert_eq!(parse(key, value), Err(reason.to_owned()), "{key}={value}");
        }
    }

    #[test]
    fn reads_options_as_they_are_typed() {
        let typed = ["--privileged", "-e", "A=1", "--env=B=2", "--env C=3", "--read-only=false"].map(str::to_owned);
        let read = from_command_line(&typed).expect("options");
        let pairs: Vec<_> = read.iter().map(|p| (p.key.as_str(), p.value.as_str())).collect();
        let expected = [("privileged", "true"), ("env", "A=1"), ("env", "B=2"), ("env", "C=3"), ("read-only", "false")];
        assert_eq!(pairs, expected);
        for (wrong, reason) in [
            ("privileged", "'privileged' is not an option: options begin with a dash"),
            ("--env", "'--env': needs a value"),
            ("-it", "'-it': is not an option that can be passed on to the engine"),
        ] {
            assert_eq!(from_command_line(&[wrong.to_owned()]), Err(reason.to_owned()));
        }
    }
}
