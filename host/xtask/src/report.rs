//! What chores print: steps with their times, and aligned tables.

use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How a column is aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Rows under named columns, each as wide as its widest cell.
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are blank, surplus cells are dropped.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let header: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(&self.rows).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for line in lines {
            let cells = line.iter().zip(&self.columns).zip(&widths).map(|((cell, (_, align)), width)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// One numbered step after another; remembers how long each took.
pub struct Steps {
    total: usize,
    began: Instant,
    done: Vec<(String, Duration, String)>,
}

impl Steps {
    /// Steps yet to come.
    pub fn new(total: usize) -> Self {
        Self { total, began: Instant::now(), done: Vec::new() }
    }

    /// Announces a step, runs it and prints how it ended. The step returns a short remark for the closing table.
    pub fn step<E>(&mut self, name: &str, work: impl FnOnce() -> Result<String, E>) -> Result<(), E> {
        let number = self.done.len() + 1;
        eprintln!("\n=== step {number}/{}: {name}", self.total);
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        let (end, remark) = match &result {
            Ok(remark) => ("done", remark.clone()),
            Err(_) => ("FAILED", "FAILED".to_owned()),
        };
        eprintln!("=== step {number}/{}: {name}: {end} in {}", self.total, seconds(took));
        self.done.push((name.to_owned(), took, remark));
        result.map(|_| ())
    }

    /// The closing table: every step that ran, with its time and remark.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[("step", Align::Left), ("time", Align::Right), ("", Align::Left)]);
        for (name, took, remark) in &self.done {
            table.row([name.clone(), seconds(*took), remark.clone()]);
        }
        table.row(["total".to_owned(), seconds(self.began.elapsed()), String::new()]);
        table
    }
}

/// `0.4 s`, `12.3 s` or `3 min 05 s`.
pub fn seconds(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s < 100.0 { format!("{s:.1} s") } else { format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60) }
}

/// `17 B`, `4.2 kB`, `1.9 GB`: powers of a thousand.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// The space that a folder takes, in bytes: blocks on disk, hard-linked files counted once. Unreadable parts count as 0.
pub fn disk_use(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let (mut bytes, mut seen, mut todo) = (0, std::collections::BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                todo.push(entry.path());
            } else if seen.insert(meta.ino()) {
                bytes += meta.blocks() * 512;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_words_left_and_figures_right() {
        let mut table = Table::new(&[("name", Align::Left), ("bytes", Align::Right)]);
        table.row(["é", "7"]);
        table.row(["longer", "1234567"]);
        assert_eq!(table.to_string(), "name      bytes\né             7\nlonger  1234567\n");
    }

    #[test]
    fn short_rows_are_filled() {
        let mut table = Table::new(&[("a", Align::Left), ("b", Align::Left)]);
        table.row(["x"]);
        assert_eq!(table.to_string(), "a  b\nx\n");
    }

    #[test]
    fn times_and_sizes_read_well() {
        for (ms, want) in [(400, "0.4 s"), (99_940, "99.9 s"), (185_000, "3 min 05 s")] {
            assert_eq!(seconds(Duration::from_millis(ms)), want);
        }
        for (bytes, want) in [(0, "0 B"), (999, "999 B"), (4_200, "4.2 kB"), (1_900_000_000, "1.9 GB")] {
            assert_eq!(size(bytes), want);
        }
    }

    #[test]
    fn steps_keep_the_failed_one_in_the_table() {
        let mut steps = Steps::new(2);
        assert!(steps.step("one", || Ok::<_, ()>("fine".into())).is_ok());
        assert!(steps.step("two", || Err::<String, _>(())).is_err());
        let table = steps.table().to_string();
        assert!(table.contains("fine") && table.contains("FAILED") && table.contains("total"), "{table}");
    }

    #[test]
    fn disk_use_counts_hard_links_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), vec![1u8; 100_000]).unwrap();
        let once = disk_use(dir.path());
        std::fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        assert!(once >= 100_000);
        assert_eq!(disk_use(dir.path()), once);
    }
}
