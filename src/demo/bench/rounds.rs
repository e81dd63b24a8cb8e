//! The rounds: in each every operation has its turn, so that a machine that becomes slower or faster does so for all of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use sqlx::{ConnectOptions as _, PgConnection};

use super::{
    figures::{Cpu, Latency, Spread},
    limits::{self, Cryptography, CryptographyCost},
    load::{Crew, Work},
    operations::{self, Operation},
    process,
    target::{Processes, Target},
};
use crate::store::bench::{self, Durability};

/// How long each kind of signature is measured in a round.
const CRYPTOGRAPHY: Duration = Duration::from_millis(150);
/// How long each operation is done before it counts, at most.
const WARM: Duration = Duration::from_secs(2);
/// How long the server is watched in each round while nobody asks for anything.
const IDLE: Duration = Duration::from_secs(1);

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// in this order
    pub operations: Vec<&'static Operation>,
    /// connections at once
    pub connections: usize,
    /// of each operation in each round
    pub time: Duration,
    /// how often
    pub rounds: u32,
    /// rows to begin with
    pub families: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// of the cluster
    pub durability: Durability,
    /// whether statements could be counted
    pub counts_statements: bool,
    /// by round
    pub cryptography: Vec<CryptographyCost>,
    /// the bare rotation
    pub rotation: Measured,
    /// the operations, as planned
    pub operations: Vec<(&'static Operation, Measured)>,
    /// memory of the server before the first operation, in MiB
    pub resident_at_first: Option<f64>,
}

/// The turns of one operation.
#[derive(Debug, Default)]
pub struct Measured {
    turns: Vec<Turn>,
    micros: Vec<u32>,
    /// failures by their words
    pub failures: BTreeMap<String, u32>,
}

/// What one turn showed, for one operation each.
#[derive(Debug)]
struct Turn {
    count: u32,
    per_second: f64,
    cpu: Option<Cpu>,
    statements: Option<f64>,
    wal_bytes: f64,
    resident: Option<f64>,
}

impl Measured {
    /// Operations a second.
    pub fn throughput(&self) -> Spread {
        Spread::of(self.turns.iter().map(|turn| turn.per_second))
    }

    /// How long one took.
    pub fn latency(&self) -> Latency {
        Latency::of(self.micros.clone())
    }

    /// How many succeeded.
    pub fn count(&self) -> u32 {
        self.turns.iter().map(|turn| turn.count).sum()
    }

    /// SQL statements of the server for each.
    pub fn statements(&self) -> Option<f64> {
        self.middle(|turn| turn.statements)
    }

    /// Bytes of write-ahead log for each.
    pub fn wal_bytes(&self) -> f64 {
        self.middle(|turn| Some(turn.wal_bytes)).unwrap_or_default()
    }

    /// Memory of the server at the end of its fullest turn, in MiB.
    pub fn resident(&self) -> Option<f64> {
        self.turns.iter().filter_map(|turn| turn.resident).max_by(f64::total_cmp)
    }

    /// Processor time for each; none where the processes are not known.
    pub fn cpu(&self) -> Option<Cpu> {
        let part = |part: fn(&Cpu) -> f64| self.middle(|turn| turn.cpu.as_ref().map(part));
        Some(Cpu {
            server: part(|cpu| cpu.server)?,
            postgres: part(|cpu| cpu.postgres)?,
            generator: part(|cpu| cpu.generator)?,
            simulator: part(|cpu| cpu.simulator)?,
        })
    }

    fn middle(&self, value: impl Fn(&Turn) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.turns.iter().filter_map(value).collect();
        (!values.is_empty()).then(|| Spread::of(values).median)
    }

    /// Takes a turn in. `background` statements a second are the server's own business; polls come as often as people are slow.
    fn add(&mut self, work: Work, used: &Used, background: f64) {
        for (failure, count) in work.failures {
            *self.failures.entry(failure).or_default() += count;
        }
        let count = u32::try_from(work.micros.len()).unwrap_or(u32::MAX);
        self.micros.extend(work.micros);
        if count == 0 {
            return;
        }
        let each = f64::from(count);
        self.turns.push(Turn {
            count,
            per_second: each / work.elapsed.as_secs_f64(),
            cpu: used.cpu.map(|cpu| Cpu {
                server: cpu.server / each,
                postgres: cpu.postgres / each,
                generator: cpu.generator / each,
                simulator: cpu.simulator / each,
            }),
            statements: used
                .statements
                .map(|all| (all - background * work.elapsed.as_secs_f64() - f64::from(work.polls)).max(0.0) / each),
            wal_bytes: used.wal_bytes / each,
            resident: used.resident,
        });
    }
}

/// Everything that can be read beside the load.
struct Gauges {
    database: PgConnection,
    serving_role: String,
    counts_statements: bool,
    processes: Processes,
}

/// What was used up to a moment, or between two.
#[derive(Clone, Copy)]
struct Used {
    cpu: Option<Cpu>,
    statements: Option<f64>,
    wal_bytes: f64,
    resident: Option<f64>,
}

impl Gauges {
    async fn new(target: &Target) -> anyhow::Result<Self> {
        let mut database = target.owner.connect().await.context("the database of the server cannot be reached")?;
        bench::count_statements(&mut database).await.ok();
        let counts_statements = bench::statements_run(&mut database, &target.serving_role).await.is_ok();
        Ok(Self { database, serving_role: target.serving_role.clone(), counts_statements, processes: target.processes })
    }

    async fn read(&mut self) -> anyhow::Result<Used> {
        let statements = if self.counts_statements {
            Some(bench::statements_run(&mut self.database, &self.serving_role).await?)
        } else {
            None
        };
        let wal_bytes = bench::wal_bytes(&mut self.database).await?;
        let resident = self.processes.server.map(process::resident).transpose()?;
        Ok(Used { cpu: self.cpu()?, statements, wal_bytes, resident })
    }

    /// In milliseconds.
    fn cpu(&self) -> anyhow::Result<Option<Cpu>> {
        let Processes { server: Some(server), postgres: Some(postgres), simulator } = self.processes else { return Ok(None) };
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        Ok(Some(Cpu {
            server: millis(process::cpu(server).context("the server has ended")?),
            postgres: millis(process::cpu_of_family(postgres).context("Postgres has ended")?),
            generator: millis(process::cpu(std::process::id())?),
            simulator: simulator.map(process::cpu).transpose()?.map(millis).unwrap_or_default(),
        }))
    }
}

impl Used {
    fn since(self, earlier: Self) -> Self {
        let both = |now: Option<f64>, then: Option<f64>| Some(now? - then?);
        let cpu = self.cpu.zip(earlier.cpu).map(|(now, then)| Cpu {
            server: now.server - then.server,
            postgres: now.postgres - then.postgres,
            generator: now.generator - then.generator,
            simulator: now.simulator - then.simulator,
        });
        Self {
            cpu,
            statements: both(self.statements, earlier.statements),
            wal_bytes: self.wal_bytes - earlier.wal_bytes,
            resident: self.resident,
        }
    }
}

/// Fills the database, warms everything up, and does the rounds. `progress` gets a line for each thing that takes its time.
pub async fn run(plan: &Plan, mut target: Target, progress: impl Fn(&str)) -> anyhow::Result<Outcome> {
    let mut gauges = Gauges::new(&target).await?;
    let durability = bench::durability(&mut gauges.database).await?;
    let resident_at_first = target.processes.server.map(process::resident).transpose()?;
    let cryptography = Cryptography::new()?;
    let mut outcome = Outcome {
        durability,
        counts_statements: gauges.counts_statements,
        cryptography: Vec::new(),
        rotation: Measured::default(),
        operations: plan.operations.iter().map(|operation| (*operation, Measured::default())).collect(),
        resident_at_first,
    };
    progress(&format!("filling in {} families", plan.families));
    operations::first_person(&target).await.context("nobody can sign in")?;
    let families = Arc::get_mut(&mut target.families).context("the families are in use")?;
    families.fill(&mut gauges.database, plan.families, &target.web.id).await?;
    let without_tokens = families.without_tokens();
    progress("warming up");
    for operation in &plan.operations {
        let crew = Crew::prepare(operation, &target, plan.connections).await;
        crew.with_context(|| format!("{} cannot begin", operation.name))?.work(plan.time.min(WARM)).await;
    }
    for round in 1..=plan.rounds {
        let before = gauges.read().await?;
        let work = limits::rotate(&target, &without_tokens, plan.connections, plan.time).await?;
        outcome.rotation.add(work, &gauges.read().await?.since(before), 0.0);
        // after the rotations, so that what Postgres tidies up behind them counts for no operation
        let background = background(&mut gauges).await?;
        outcome.cryptography.push(cryptography.measure(CRYPTOGRAPHY)?);
        for (operation, measured) in &mut outcome.operations {
            let crew = Crew::prepare(operation, &target, plan.connections).await;
            let crew = crew.with_context(|| format!("{} cannot begin", operation.name))?;
            let before = gauges.read().await?;
            let work = crew.work(plan.time).await;
            measured.add(work, &gauges.read().await?.since(before), background);
        }
        progress(&line(round, plan, &outcome));
    }
    Ok(outcome)
}

/// The statements that the server runs each second by itself.
async fn background(gauges: &mut Gauges) -> anyhow::Result<f64> {
    let before = gauges.read().await?;
    tokio::time::sleep(IDLE).await;
    Ok(gauges.read().await?.since(before).statements.unwrap_or_default() / IDLE.as_secs_f64())
}

/// What a round has shown so far.
fn line(round: u32, plan: &Plan, outcome: &Outcome) -> String {
    let rate = |name: &str, measured: &Measured| {
        let failures: u32 = measured.failures.values().sum();
        let failures = if failures == 0 { String::new() } else { format!(" ({failures} failed)") };
        let last = measured.turns.last().map_or(0.0, |turn| turn.per_second);
        format!("{name} {last:.0}/s{failures}")
    };
    let operations = outcome.operations.iter().map(|(operation, measured)| rate(operation.name, measured));
    let all: Vec<String> = std::iter::once(rate("rotation", &outcome.rotation)).chain(operations).collect();
    format!("round {round}/{}: {}", plan.rounds, all.join(", "))
}
