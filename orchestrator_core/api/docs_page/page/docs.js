"use strict";

// Relative to this script, so that the page works below the prefix of a proxy too.
const description = new URL("../api/v2/openapi.json", document.currentScript.src);

SwaggerUIBundle({
  url: description.href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // Without null, the description of a server with a public name is sent to a validator elsewhere.
  validatorUrl: null,
});
