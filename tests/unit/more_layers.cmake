nlm_unit_test(test_convolution_values LIBS nlm_reference SOURCES small_model.c run_model.c)
nlm_unit_test(test_normalization_values LIBS nlm_reference SOURCES small_model.c run_model.c)
nlm_unit_test(test_shaping_values LIBS nlm_reference SOURCES small_model.c run_model.c)
nlm_unit_test(test_more_layers LIBS nlm_ir nlm_support)
