// Starts the reference page. A file of its own: the content security policy allows no inline script.
window.onload = () => {
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#page",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: true,
    tryItOutEnabled: true,
    // The validator's badge would load from another host.
    validatorUrl: null,
    // It is none of SPDX's, where the page would link to.
    plugins: [() => ({ wrapComponents: { License: () => () => null } })],
  });
};
