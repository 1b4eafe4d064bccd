// SPDX-License-Identifier: Apache-2.0
//! A whole plugin in Rust: says the lowest loss when training ends.
//!
//!     rustc --edition 2021 --crate-type cdylib -O hello_rust.rs -o hello_rust.so

#[path = "../../templates/rust/trainer.rs"] // a project of your own has it beside it: `trainer plugins new --language rust`
mod trainer;

use trainer::{Event, Host, Outcome, TrainerCallback, Value};

struct Lowest {
    host: Host,
    loss: f64,
    step: i64,
}

impl TrainerCallback for Lowest {
    fn new(host: Host) -> Result<Self, String> {
        Ok(Lowest { host, loss: f64::INFINITY, step: 0 })
    }

    fn on_log(&mut self, event: &mut Event) -> Outcome {
        let step = event.state().global_step;
        let logs = event.values().ok_or("on_log came without logs")?;
        if let Some(Value::Number(loss)) = logs.get("loss") {
            if loss < self.loss {
                self.loss = loss;
                self.step = step;
            }
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Event) -> Outcome {
        self.host.info(&format!("lowest loss: {} in step {}", self.loss, self.step));
        Ok(())
    }
}

plugin!(Lowest, [on_log, on_train_end], r#"{"id": "hello_rust", "version": "1.0.0",
  "description": "Says the lowest loss when training ends, from Rust."}"#);
