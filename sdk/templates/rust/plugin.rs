//! Writes the lowest value of a metric into the log when training ends.

mod trainer;

use trainer::{Event, Host, Outcome, TrainerCallback, Value};

struct Lowest {
    metric: String,
    value: f64,
    step: Option<i64>,
}

impl Lowest {
    fn of(metric: &str) -> Lowest {
        Lowest { metric: metric.to_string(), value: f64::INFINITY, step: None }
    }

    fn see(&mut self, value: f64, step: i64) {
        if value < self.value {
            self.value = value;
            self.step = Some(step);
        }
    }

    fn line(&self) -> Option<String> {
        self.step.map(|step| format!("lowest {}: {} in step {}", self.metric, self.value, step))
    }
}

struct @CLASS@ {
    host: Host,
    lowest: Lowest,
}

impl TrainerCallback for @CLASS@ {
    fn new(host: Host) -> Result<Self, String> {
        let metric = host.config("metric").unwrap_or(Value::Null);
        Ok(@CLASS@ { host, lowest: Lowest::of(metric.as_text().unwrap_or("loss")) })
    }

    fn on_train_begin(&mut self, _: &mut Event) -> Outcome {
        self.lowest = Lowest::of(&self.lowest.metric);
        Ok(())
    }

    fn on_log(&mut self, event: &mut Event) -> Outcome {
        let step = event.state().global_step;
        let logs = event.values().ok_or("on_log came without logs")?;
        if let Some(value) = logs.get(&self.lowest.metric).and_then(|value| value.as_number()) {
            self.lowest.see(value, step);
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Event) -> Outcome {
        if let Some(line) = self.lowest.line() {
            self.host.info(&line);
        }
        Ok(())
    }
}

plugin!(@CLASS@, [on_train_begin, on_log, on_train_end], r#"{
  "id": "@NAME@",
  "version": "0.1.0",
  "description": "Writes the lowest value of a metric into the log when training ends.",
  "config": {
    "metric": {"type": "string", "default": "loss", "description": "the metric's name in the logs"}
  }
}"#);

#[cfg(test)]
mod tests {
    use super::Lowest;

    #[test]
    fn says_the_lowest_value_and_its_step() {
        let mut lowest = Lowest::of("loss");
        assert_eq!(lowest.line(), None);
        for (step, loss) in [(1, 0.75), (2, 0.25), (3, f64::NAN), (4, 0.5)] {
            lowest.see(loss, step);
        }
        assert_eq!(lowest.line().unwrap(), "lowest loss: 0.25 in step 2");
    }
}
