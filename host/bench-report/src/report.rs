//! A bench's report: rows of figures, printed as a table and kept as JSON.

use crate::{machine::Machine, samples::Samples, table};
use serde::Serialize;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// All figures of one bench.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The bench's name: also the JSON file's.
    pub name: String,
    /// Where it ran.
    pub machine: Machine,
    /// One per piece of work, in the order measured.
    pub rows: Vec<Row>,
}

/// The figures of one piece of work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Of `median` and `p99`: `ns` for times, otherwise what a rate counts.
    pub unit: &'static str,
    /// How many samples.
    pub n: usize,
    /// Median time.
    pub median: f64,
    /// What 99 samples in 100 do not do worse than: the 99th percentile of times, the first of rates.
    pub p99: f64,
    /// What it is held against, measured in the same run.
    #[serde(flatten)]
    pub peer: Option<Peer>,
}

/// The measure of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peer {
    /// What it is.
    #[serde(rename = "peer")]
    pub name: String,
    /// Its median time, in the row's unit.
    #[serde(rename = "peer_median")]
    pub median: f64,
    /// The row's median in terms of the peer's: 2 means twice as slow, or of a rate, twice as fast.
    pub ratio: f64,
}

impl Report {
    /// An empty report of this machine.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), machine: Machine::here(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, name: &str, samples: Samples) {
        self.rows.push(Row::new(name, &samples, None));
    }

    /// Adds a row that is held against a peer, measured in the same run.
    pub fn row_against(&mut self, name: &str, samples: Samples, peer: &str, peer_samples: Samples) {
        let median = peer_samples.median_ns();
        let peer = Peer { name: peer.to_owned(), median, ratio: samples.median_ns() / median };
        self.rows.push(Row::new(name, &samples, Some(peer)));
    }

    /// Adds a row of rates: so many of `unit` in each of some equal times. More is better.
    pub fn rate(&mut self, name: &str, unit: &'static str, samples: Samples) {
        self.rows.push(Row { unit, p99: samples.p1(), ..Row::new(name, &samples, None) });
    }

    /// The same held against a peer.
    pub fn rate_against(&mut self, name: &str, unit: &'static str, samples: Samples, peer: &str, of_peer: Samples) {
        let median = of_peer.median_ns();
        let peer = Peer { name: peer.to_owned(), median, ratio: samples.median_ns() / median };
        self.rows.push(Row { unit, p99: samples.p1(), ..Row::new(name, &samples, Some(peer)) });
    }

    /// Adds a row of amounts of `unit` that are not times, such as gas. Less is better.
    pub fn amount(&mut self, name: &str, unit: &'static str, samples: Samples) {
        self.rows.push(Row { unit, ..Row::new(name, &samples, None) });
    }

    /// Prints the table, and writes `NAME.json` into the folder that `CALDERA_BENCH_DIR` names, if it names one.
    pub fn finish(&self) -> io::Result<()> {
        println!("{self}");
        if let Some(folder) = env::var_os("CALDERA_BENCH_DIR") {
            println!("written to {}", self.write(Path::new(&folder))?.display());
        }
        Ok(())
    }

    /// Writes `NAME.json` into `folder`, which is made if need be; returns its path.
    pub fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.json", self.name));
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }
}

impl Row {
    fn new(name: &str, samples: &Samples, peer: Option<Peer>) -> Self {
        let (median, p99) = (samples.median_ns(), samples.p99_ns());
        Self { name: name.to_owned(), unit: "ns", n: samples.count(), median, p99, peer }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Machine { cpu, cores, memory_mib, system } = &self.machine;
        writeln!(f, "{} on {cpu}, {cores} cores, {memory_mib} MiB, {system}", self.name)?;
        f.write_str(&table::render(&self.rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let samples = |times: &[f64]| Samples::new(times.to_vec()).unwrap();
        let mut report = Report::new("engine-call");
        report.row("warm", samples(&[300.0, 310.0, 320.0]));
        report.row_against("fresh", samples(&[5_000.0]), "EVM call", samples(&[2_500.0]));
        report
    }

    #[test]
    fn the_file_holds_the_machine_and_every_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = report().write(&dir.path().join("bench")).unwrap();
        assert_eq!(path.file_name().unwrap(), "engine-call.json");
        let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert!(json["machine"]["cores"].as_u64().unwrap() >= 1);
        let [warm, fresh] = json["rows"].as_array().unwrap().as_slice() else { panic!("{json}") };
        assert_eq!(warm, &serde_json::json!({"name": "warm", "unit": "ns", "n": 3, "median": 310.0, "p99": 320.0}));
        assert_eq!((fresh["peer"].as_str(), fresh["peer_median"].as_f64()), (Some("EVM call"), Some(2_500.0)));
        assert_eq!(fresh["ratio"].as_f64(), Some(2.0));
    }

    #[test]
    fn the_table_names_the_machine_first() {
        let text = report().to_string();
        assert!(text.starts_with("engine-call on ") && text.contains("EVM call"), "{text}");
    }
}
