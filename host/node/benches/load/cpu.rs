//! Processor time of a process, as Linux counts it: what does not depend on what else the machine does.

use std::{collections::BTreeMap, fmt, fs, path::Path};

/// One tick of the counters in /proc, in microseconds: `USER_HZ` is 100 on every Linux.
const TICK_US: f64 = 10_000.0;

/// Microseconds of a whole process, and of its threads that live, by their names.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    pub all: f64,
    threads: BTreeMap<String, f64>,
}

impl Cpu {
    /// Of a process by its id, or `self`; zero for one that is gone.
    pub fn of(process: &str) -> Self {
        let folder = Path::new("/proc").join(process);
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(folder.join("task")).into_iter().flatten().flatten() {
            let (name, time) = read(&entry.path().join("stat"));
            *threads.entry(name).or_default() += time;
        }
        Self { all: read(&folder.join("stat")).1, threads }
    }

    /// What came since, each a number of times less.
    pub fn since(&self, earlier: &Self, per: f64) -> Self {
        let before = |name: &str| earlier.threads.get(name).copied().unwrap_or_default();
        // Of a name that had more, threads have ended since.
        let threads = self.threads.iter().map(|(name, time)| (name.clone(), (time - before(name)).max(0.0) / per));
        Self { all: (self.all - earlier.all) / per, threads: threads.collect() }
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} \u{b5}s", self.all)?;
        let mut threads: Vec<_> = self.threads.iter().filter(|(_, time)| **time > self.all / 100.0).collect();
        threads.sort_by(|a, b| b.1.total_cmp(a.1));
        let ended = self.all - self.threads.values().sum::<f64>();
        for (index, (name, time)) in threads.into_iter().enumerate() {
            write!(f, "{} {name} {time:.1}", if index == 0 { " (" } else { "," })?;
        }
        if self.threads.is_empty() { Ok(()) } else { write!(f, ", ended threads {ended:.1})") }
    }
}

/// The name and the time of a process or thread.
fn read(file: &Path) -> (String, f64) {
    let text = fs::read_to_string(file).unwrap_or_default();
    // The name is in brackets and may hold anything, brackets too.
    let (Some(begins), Some(ends)) = (text.find('('), text.rfind(')')) else { return Default::default() };
    let ticks = text[ends + 1..].split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    (text[begins + 1..ends].to_owned(), ticks * TICK_US)
}
