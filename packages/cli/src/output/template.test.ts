import { describe, expect, it } from "vitest";
import { parseTemplate, renderTemplate } from "./template.ts";

const VMS = [
  { id: "1", name: "dev", metadata: { team: "blue" }, memoryMiB: 2048 },
  { id: "2", name: "long name", metadata: {} },
];
const render = (format: string, value: unknown = VMS): string => renderTemplate(parseTemplate(format), value);

describe("a format", () => {
  it("takes fields of each element, also of those inside, whatever their capitals", () => {
    expect(render("{{.id}} {{ .Name }} {{.metadata.team}}")).toBe("1 dev blue\n2 long name <no value>");
    expect(render(String.raw`{{.ID}}\t{{.memorymib}}`, VMS[0])).toBe("1\t2048");
  });

  it("has what is no text as JSON", () => {
    expect(render("{{json .}}", VMS[1])).toBe('{"id":"2","name":"long name","metadata":{}}');
    expect(render("{{.metadata}}={{json .nothing}}", VMS[0])).toBe('{"team":"blue"}=null');
    expect(render("{{.id}}", [])).toBe("");
  });

  it("makes tables with a header", () => {
    expect(render(String.raw`table {{.Name}}\t{{.ID}}`)).toBe("NAME       ID\ndev        1\nlong name  2");
  });

  it.for(["{{range .}}", "{{.id | upper}}", "plain", "{{.id}} {{", ""])("refuses %j", (format) => {
    expect(() => parseTemplate(format)).toThrow("is no format");
  });
});
