// Runs Spectral (`spectral:oas`) and Redocly (`recommended`) on one file and prints what they find as JSON.
import { readFileSync } from "node:fs";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectralCore from "@stoplight/spectral-core";
import spectralParsers from "@stoplight/spectral-parsers";
import spectralRulesets from "@stoplight/spectral-rulesets";

const file = process.argv[2];
const source = readFileSync(file, "utf8");

const spectral = new spectralCore.Spectral();
spectral.setRuleset({ extends: [[spectralRulesets.oas, "recommended"]] });
const bySpectral = await spectral.run(new spectralCore.Document(source, spectralParsers.Json, file));

const config = await createConfig({ extends: ["recommended"] });
const byRedocly = await lintFromString({ source, absoluteRef: file, config });

const severities = ["error", "warn", "info", "hint"];
console.log(
  JSON.stringify([
    ...bySpectral.map((each) => ({
      by: "spectral",
      rule: each.code,
      severity: severities[each.severity],
      place: each.path.join("/"),
      message: each.message,
    })),
    ...byRedocly.map((each) => ({
      by: "redocly",
      rule: each.ruleId,
      severity: each.severity,
      place: each.location?.[0]?.pointer ?? "",
      message: each.message,
    })),
  ]),
);
