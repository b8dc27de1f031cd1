//! The machine that a bench ran on: figures without it mean nothing.

use serde::Serialize;
use std::fs;

/// What bears on speed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's model, `unknown` where the system does not tell.
    pub cpu: String,
    /// Threads that may run at once.
    pub cores: usize,
    /// Installed memory in mebibytes; 0 where the system does not tell.
    pub memory_mib: u64,
    /// `linux x86_64`
    pub system: String,
}

impl Machine {
    /// Asks the system.
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: field(&read("/proc/meminfo"), "MemTotal").and_then(kibibytes).unwrap_or(0) / 1024,
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// The first value of `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn kibibytes(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: Fast CPU @ 3 GHz: new\nMemTotal:       24576 kB\n";
        assert_eq!(field(text, "model name"), Some("Fast CPU @ 3 GHz: new"));
        assert_eq!(field(text, "MemTotal").and_then(kibibytes), Some(24576));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn this_machine_has_a_core() {
        assert!(Machine::here().cores >= 1);
    }
}
